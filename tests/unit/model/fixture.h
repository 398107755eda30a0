// A golden model (tests/parity) and one training step on it, through the towers as the stages drive them.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../parts.h"
#include "base/json.h"
#include "base/memory.h"
#include "model/contrastive.h"
#include "model/generate/generate.h"
#include "model/towers/towers.h"

static const char *const golden_names[] = {"narrow_vision",      "wide_vision",       "equal_widths",
                                           "open_clip_legacy",   "open_clip_correct", "open_clip_no_pooler",
                                           "open_clip_parallel", "open_clip_cascade", "open_clip_sigmoid",
                                           "coca2_cascade",      "coca2_parallel",    "coca2_equal_widths"};
#define GOLDEN_COUNT (sizeof golden_names / sizeof *golden_names)

struct golden {
    const char *name;
    struct model_config config;
    struct safetensors weights, batch, values;
    json_t *steps;
    int G, T, S, N;
    int64_t D, E, V;
    double lambda_contrastive, lambda_caption;
    enum contrastive_convention convention;
};

static inline void open_golden_file(struct safetensors *file, const char *name, const char *what) {
    char *path = xformat("parity/%s/%s.safetensors", name, what);
    assert_int_equal(safetensors_open(file, path), 0);
    free(path);
}

static inline void read_training(struct golden *golden) {
    const json_t *training = json_object_get(golden->steps, "training");
    const char *convention = json_string_value(json_object_get(training, "contrastive"));
    golden->lambda_contrastive = json_number_value(json_object_get(training, "coca_contrastive_loss_weight"));
    golden->lambda_caption = json_number_value(json_object_get(training, "coca_caption_loss_weight"));
    golden->convention = strcmp(convention, "sum") ? CONTRASTIVE_MEAN : CONTRASTIVE_SUM;
}

static inline void golden_open(struct golden *golden, const char *name) {
    char *config = xformat("parity/%s/model.json", name), *steps = xformat("parity/%s/steps.json", name);
    golden->name = name;
    assert_int_equal(model_config_read(&golden->config, config), 0);
    golden->steps = json_read(steps, 1 << 20);
    assert_non_null(golden->steps);
    free(config);
    free(steps);
    open_golden_file(&golden->weights, name, "weights");
    if (golden->config.vision.proj_is_open)
        model_config_use_proj(&golden->config, safetensors_find(&golden->weights, "visual.proj") != NULL);
    open_golden_file(&golden->batch, name, "batch");
    open_golden_file(&golden->values, name, "golden");
    golden->G = (int)safetensors_find(&golden->batch, "tokens")->shape.dim[0];
    golden->T = golden->config.text.context_length;
    golden->S = golden->config.vision.image_size;
    golden->N = config_feature_tokens(&golden->config);
    golden->D = golden->config.decoder.width;
    golden->E = golden->config.embed_dim;
    golden->V = golden->config.text.vocab_size;
    read_training(golden);
}

static inline void golden_close(struct golden *golden) {
    json_decref(golden->steps);
    safetensors_close(&golden->weights);
    safetensors_close(&golden->batch);
    safetensors_close(&golden->values);
}

// The elements of one tensor, copied: files give no alignment.
static inline void *golden_copy(const struct safetensors *file, const char *name) {
    const struct tensor *tensor = safetensors_find(file, name);
    if (!tensor) fail_msg("no tensor %s", name);
    size_t bytes = (size_t)tensor_bytes(tensor);
    return memcpy(xmalloc(bytes), tensor->data, bytes);
}

// A model on one backend, with its towers.
struct model {
    const struct golden *golden;
    struct ops *ops, *loss_ops; // the same, unless ops computes in bf16
    struct params *image, *text, *loss;
    struct image_tower *image_tower;
    struct text_tower *text_tower;
    struct contrastive *contrastive;
    int batch, sets;
};

static inline struct params *load_part(struct ops *ops, const struct golden *golden, const struct model_part *part) {
    struct params *params = params_new(ops, &golden->config, part, true);
    assert_int_equal(params_load(params, &golden->weights, "weights", model_parts, MODEL_PARTS), 0);
    return params;
}

static inline void model_open(struct model *model, const struct golden *golden, const char *device, enum dtype dtype,
                              int batch, int sets) {
    *model = (struct model){.golden = golden, .batch = batch, .sets = sets};
    assert_int_equal(ops_open(&model->ops, device, dtype, 2), 0);
    assert_int_equal(ops_open(&model->loss_ops, device, DT_REAL, 2), 0);
    struct tower_plan plan = {batch, sets, true, false};
    model->image = load_part(model->ops, golden, &image_part);
    model->text = load_part(model->ops, golden, &text_part);
    model->loss = load_part(model->loss_ops, golden, &loss_part);
    model->image_tower = image_tower_new(&golden->config, model->image, plan);
    model->text_tower = text_tower_new(&golden->config, model->text, plan);
    model->contrastive = contrastive_new(
        model->loss_ops, golden->config.logit_bias ? CONTRASTIVE_SIGMOID : CONTRASTIVE_SOFTMAX, golden->G, golden->E);
}

static inline void model_close(struct model *model) {
    image_tower_free(&model->image_tower);
    text_tower_free(&model->text_tower);
    contrastive_free(&model->contrastive);
    params_free(&model->image);
    params_free(&model->text);
    params_free(&model->loss);
    ops_close(&model->ops);
    ops_close(&model->loss_ops);
}

// What a step of the global batch leaves on the host.
struct outcome {
    float *image, *text, *d_image, *d_text; // [G,E]
    char *features, *d_features;            // [G,N,D] of the compute type
    char *d_states;                         // a slot of text_state_bytes for each microbatch
    float *logits;                          // [G,T-1,V]
    double contrastive_loss, caption_loss, loss, grad_norm;
};

static inline void outcome_init(struct outcome *outcome, const struct model *model) {
    const struct golden *golden = model->golden;
    size_t element = dtype_size(model->ops->dtype), G = (size_t)golden->G, E = (size_t)golden->E;
    size_t features = G * (size_t)golden->N * (size_t)golden->D;
    float **embedding[] = {&outcome->image, &outcome->text, &outcome->d_image, &outcome->d_text};
    for (int i = 0; i < 4; i++) *embedding[i] = xcalloc(G * E, sizeof(float));
    outcome->features = xcalloc(features, element);
    outcome->d_features = xcalloc(features, element);
    outcome->d_states = xcalloc(G, (size_t)text_state_bytes(&golden->config, model->ops->dtype, model->batch));
    outcome->logits = xcalloc(G * (size_t)(golden->T - 1) * (size_t)golden->V, sizeof(float));
}

static inline void outcome_release(struct outcome *outcome) {
    void *pieces[] = {outcome->image,    outcome->text,       outcome->d_image,  outcome->d_text,
                      outcome->features, outcome->d_features, outcome->d_states, outcome->logits};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) free(pieces[i]);
}

// One microbatch of a running step: where its rows lie, and which set holds its activations.
struct turn {
    const uint8_t *pixels;
    const int32_t *tokens;
    float *image, *text, *d_image, *d_text, *logits;
    char *features, *d_features, *d_states;
    int set;
};

static inline struct turn turn_of(const struct model *model, const struct outcome *outcome, int m) {
    const struct golden *golden = model->golden;
    int64_t first = (int64_t)m * model->batch, E = golden->E;
    int64_t features = first * golden->N * golden->D * (int64_t)dtype_size(model->ops->dtype);
    const uint8_t *pixels = safetensors_find(&golden->batch, "pixels")->data;
    const char *tokens = safetensors_find(&golden->batch, "tokens")->data;
    return (struct turn){.pixels = pixels + first * golden->S * golden->S * 3,
                         .tokens = (const int32_t *)(tokens + first * golden->T * 4),
                         .image = outcome->image + first * E,
                         .text = outcome->text + first * E,
                         .d_image = outcome->d_image + first * E,
                         .d_text = outcome->d_text + first * E,
                         .logits = outcome->logits ? outcome->logits + first * (golden->T - 1) * golden->V : NULL,
                         .features = outcome->features + features,
                         .d_features = outcome->d_features + features,
                         .d_states =
                             outcome->d_states + m * text_state_bytes(&golden->config, model->ops->dtype, model->batch),
                         .set = model->sets > 1 ? m : 0};
}

static inline void forward_text(struct model *model, const struct turn *turn) {
    assert_int_equal(text_tower_forward(model->text_tower, turn->set, model->batch, turn->tokens, turn->text), 0);
}

static inline void forward_image(struct model *model, const struct turn *turn) {
    image_tower_forward(model->image_tower, turn->set, model->batch, turn->pixels, turn->features, turn->image);
}

// The multimodal half, forward and backward. With one set the unimodal half is run a second time before it.
static inline double caption(struct model *model, const struct turn *turn, double scale) {
    if (model->sets == 1) forward_text(model, turn);
    struct caption_result result =
        text_tower_caption(model->text_tower, turn->set, turn->features, scale, turn->d_features, turn->logits);
    text_tower_save_state_gradient(model->text_tower, turn->set, turn->d_states);
    return result.nll;
}

static inline void backward(struct model *model, const struct turn *turn) {
    if (model->sets == 1) {
        forward_image(model, turn);
        forward_text(model, turn);
        text_tower_load_state_gradient(model->text_tower, turn->set, turn->d_states);
    }
    image_tower_backward(model->image_tower, turn->set, turn->d_features, turn->d_image);
    text_tower_backward(model->text_tower, turn->set, turn->d_text);
}

static inline double squares_of(struct params *params) {
    double total = 0, *device = ops_allocate(params->ops, sizeof total);
    params->ops->zero(params->ops, device, sizeof total);
    params->ops->sum_squares(params->ops, device, params->gradient, params->elements);
    params->ops->download(params->ops, &total, device, sizeof total);
    ops_release(params->ops, device);
    return total;
}

// Of a parameter of the loss that not every model has.
static inline void set_gradient(struct params *params, const char *name, double value) {
    const struct param *param = params_find(params, name);
    real number = (real)value;
    if (param) params->ops->upload(params->ops, params->gradient + param->offset, &number, sizeof number);
}

static inline double scalar_of(const struct params *params, const char *name) {
    const struct param *param = params_find(params, name);
    real number = 0;
    if (param) params->ops->download(params->ops, &number, params->master + param->offset, sizeof number);
    return number;
}

// Both losses and all gradients of the global batch at the present weights.
static inline void run_step(struct model *model, struct outcome *outcome) {
    const struct golden *golden = model->golden;
    int M = golden->G / model->batch;
    int64_t targets = text_targets(&golden->config, safetensors_find(&golden->batch, "tokens")->data, golden->G);
    struct params *parts[] = {model->image, model->text, model->loss};
    double squares = 0;
    for (int i = 0; i < 3; i++) params_zero_gradient(parts[i]);
    outcome->caption_loss = 0;
    for (int m = 0; m < M; m++) {
        struct turn turn = turn_of(model, outcome, m);
        forward_text(model, &turn);
        forward_image(model, &turn);
    }
    for (int m = 0; m < M; m++) {
        struct turn turn = turn_of(model, outcome, m);
        outcome->caption_loss += caption(model, &turn, golden->lambda_caption / (double)targets) / (double)targets;
    }
    struct contrastive_result contrastive = contrastive_run(
        model->contrastive, outcome->image, outcome->text,
        (struct contrastive_scalars){scalar_of(model->loss, "logit_scale"), scalar_of(model->loss, "logit_bias")},
        golden->lambda_contrastive, golden->convention, outcome->d_image, outcome->d_text);
    set_gradient(model->loss, "logit_scale", contrastive.d_logit_scale);
    set_gradient(model->loss, "logit_bias", contrastive.d_logit_bias);
    for (int m = 0; m < M; m++) {
        struct turn turn = turn_of(model, outcome, m);
        backward(model, &turn);
    }
    for (int i = 0; i < 3; i++) squares += squares_of(parts[i]);
    outcome->contrastive_loss = contrastive.loss;
    outcome->loss = golden->lambda_contrastive * contrastive.loss + golden->lambda_caption * outcome->caption_loss;
    outcome->grad_norm = sqrt(squares);
}

// ‖a − b‖ ≤ tolerance·‖b‖ and max|a − b| ≤ 10·tolerance·max|b| (design section 8).
static inline void assert_near(const char *what, const float *a, const float *b, int64_t n, double tolerance) {
    double difference = 0, norm = 0, largest_difference = 0, largest = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = (double)a[i] - b[i];
        difference += d * d;
        norm += (double)b[i] * b[i];
        largest_difference = fmax(largest_difference, isnan(d) ? INFINITY : fabs(d));
        largest = fmax(largest, fabs(b[i]));
    }
    if (!(sqrt(difference) <= tolerance * sqrt(norm)) || !(largest_difference <= 10 * tolerance * largest))
        fail_msg("%s: relative error %.3g, largest %.3g of %.3g; allowed %.3g", what, sqrt(difference / norm),
                 largest_difference, largest, tolerance);
}

static inline void assert_near_number(const char *what, double a, double b, double tolerance) {
    if (!(fabs(a - b) <= tolerance * fabs(b))) fail_msg("%s is %.9g, not %.9g within %.3g", what, a, b, tolerance);
}
