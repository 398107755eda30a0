// Both text halves over one new token of each caption, with what earlier tokens left kept: a caption of T tokens costs
// T steps over one row instead of T passes over up to T rows. It takes the layers' parameters from the towers' structs
// and runs the pieces itself, as a layer's own forward pass would make all keys anew. generate.c drives it for sampling
// and beam search. There is no CLS row: captioning has no text embedding.
#include "model/generate/cached_decoder_private.h"

#include <stdlib.h>

#include "base/memory.h"

// A cache is a matrix [slots·T,2D] a layer: row slot·T + place holds key | value of the token at that place. A
// caption's keys are so a span of rows, first = slot·T and count = place + 1, which is all that attention needs to
// know; captions come and go without moving rows, and where beams branch or equal captions part, rows first … first +
// count of a slot are copied.
static void plan_caches(struct cached_decoder *decoder, struct planner *planner) {
    int64_t rows = (int64_t)decoder->slots * decoder->T, D = decoder->D;
    for (int i = 0; i < decoder->unimodal.dims.transformer.layers; i++)
        decoder->unimodal_cache[i] = plan_rows(planner, rows, 2 * D);
    for (int i = 0; i < decoder->multimodal.dims.layers; i++)
        decoder->multimodal_cache[i] = plan_rows(planner, rows, 2 * D);
}

// What each layer needs only while it runs is planned once; its keys and values of the features are its own. They are
// made once for a picture and shared by all its beams: [batch·N,2D] a layer, not [slots·N,2D].
static void plan_cross(struct cached_decoder *decoder, struct planner *planner) {
    const struct multimodal_dims *dims = &decoder->multimodal.dims;
    int64_t R = decoder->slots, Rk = (int64_t)decoder->batch * dims->N, D = dims->D;
    decoder->feature_rows = plan_rows(planner, Rk, D);
    struct cross_attention_state shared;
    cross_attention_plan(&shared, decoder->x, R, 0, D, dims->heads, planner);
    norm_plan(&shared.norm_kv, Rk, D, planner);
    for (int i = 0; i < dims->layers; i++) {
        decoder->cross[i] = shared;
        decoder->cross[i].attention.in =
            operands_apart(shared.attention.in.q, plan_rows(planner, Rk, 2 * D), D, planner->dtype);
    }
}

// Nothing outlives its layer but caches and features, so all layers share one set of pieces, and x is added to in
// place.
static void plan_memory(struct cached_decoder *decoder, struct arena *arena, enum dtype dtype) {
    struct planner planner = {arena, dtype, false};
    int64_t R = decoder->slots, D = decoder->D;
    const struct transformer_dims *unimodal = &decoder->unimodal.dims.transformer;
    const struct multimodal_dims *multimodal = &decoder->multimodal.dims;
    decoder->device = arena_take(arena, (size_t)(STEP_LISTS * R) * sizeof *decoder->device);
    spans_plan(&decoder->one_row, decoder->slots, 1, &planner);
    spans_plan(&decoder->features, decoder->batch, decoder->N, &planner);
    plan_caches(decoder, &planner);
    key_mask_plan(&decoder->mask, &planner);
    decoder->x = plan_rows(&planner, R, D);
    decoder->kv = plan_rows(&planner, R, 2 * D);
    self_attention_plan(&decoder->self, decoder->x, R, D, unimodal->heads, &planner);
    plan_cross(decoder, &planner);
    mlp_plan(&decoder->unimodal_mlp, decoder->x, R, D, unimodal->hidden, &planner);
    mlp_plan(&decoder->multimodal_mlp, decoder->x, R, D, multimodal->hidden, &planner);
    norm_plan(&decoder->norm, R, D, &planner);
    decoder->logits = plan_rows(&planner, R, multimodal->V);
    decoder->likeliest = arena_take(arena, (size_t)(R * LIKELIEST) * sizeof *decoder->likeliest);
    decoder->largest = plan_rows(&planner, R * decoder->T, 1);
}

// A decoder without parameters and memory, which can be planned.
static void skeleton(struct cached_decoder *decoder, const struct model_config *config, struct decoder_size size) {
    *decoder = (struct cached_decoder){.batch = size.batch,
                                       .slots = size.slots,
                                       .T = size.T,
                                       .N = config_feature_tokens(config),
                                       .D = config->decoder.width};
    decoder->config = config->text;
    key_mask_init(&decoder->mask, &decoder->config, decoder->slots, decoder->T);
    decoder->unimodal.dims = unimodal_dims_of(config);
    decoder->multimodal.dims = multimodal_dims_of(config);
    size_t unimodal = (size_t)config->text.layers, multimodal = (size_t)config->decoder.layers;
    decoder->host = xcalloc((size_t)(STEP_LISTS * size.slots), sizeof *decoder->host);
    decoder->unimodal_cache = xcalloc(unimodal, sizeof *decoder->unimodal_cache);
    decoder->multimodal_cache = xcalloc(multimodal, sizeof *decoder->multimodal_cache);
    decoder->cross = xcalloc(multimodal, sizeof *decoder->cross);
}

static size_t measure(struct cached_decoder *decoder, enum dtype dtype) {
    struct arena arena;
    arena_begin(&arena, NULL, SIZE_MAX);
    plan_memory(decoder, &arena, dtype);
    return arena.peak;
}

int64_t cached_decoder_bytes(const struct model_config *config, enum dtype dtype, struct decoder_size size) {
    struct cached_decoder decoder;
    skeleton(&decoder, config, size);
    size_t bytes = measure(&decoder, dtype);
    cached_decoder_release(&decoder);
    return (int64_t)bytes;
}

void cached_decoder_init(struct cached_decoder *decoder, const struct model_config *config, struct params *params,
                         struct decoder_size size) {
    skeleton(decoder, config, size);
    struct arena arena;
    size_t bytes = measure(decoder, params->ops->dtype);
    decoder->ops = params->ops;
    decoder->in_host = ops_in_host_memory(params->ops);
    decoder->memory = ops_allocate(params->ops, bytes);
    arena_begin(&arena, decoder->memory, bytes);
    plan_memory(decoder, &arena, params->ops->dtype);
    unimodal_find(&decoder->unimodal, params, config);
    multimodal_find(&decoder->multimodal, params, config);
    spans_fill(decoder->ops, &decoder->one_row, size.slots, 1);
    spans_fill(decoder->ops, &decoder->features, size.batch, decoder->N);
}

void cached_decoder_release(struct cached_decoder *decoder) {
    unimodal_release(&decoder->unimodal);
    multimodal_release(&decoder->multimodal);
    key_mask_release(&decoder->mask);
    if (decoder->memory) {
        decoder->ops->graph_release(decoder->ops, &decoder->step);
        ops_release(decoder->ops, decoder->memory);
    }
    free(decoder->host);
    free(decoder->unimodal_cache);
    free(decoder->multimodal_cache);
    free(decoder->cross);
}

void cached_decoder_begin(struct cached_decoder *decoder, int B, const void *features) {
    struct ops *ops = decoder->ops;
    int64_t Rk = (int64_t)B * decoder->N;
    decoder->largest_count = decoder->forked = 0;
    decoder_slots_clear(decoder);
    ops->upload(ops, decoder->feature_rows, features, (size_t)(Rk * decoder->D) * dtype_size(ops->dtype));
    for (int i = 0; i < decoder->multimodal.dims.layers; i++)
        cross_attention_read(ops, &decoder->multimodal.layer[i].cross, &decoder->cross[i], decoder->feature_rows, Rk);
}

// One query row i of the newest token; it attends to the cache rows of its own slot, itself included.
static void list_row(struct cached_decoder *decoder, int i, const struct caption_row *row, int place) {
    int32_t *host = decoder->host, first = row->slot * decoder->T;
    key_mask_set(&decoder->mask, row->slot, place, row->token);
    step_list_of(decoder, host, STEP_TOKEN)[i] = row->token;
    step_list_of(decoder, host, STEP_PLACE)[i] = place;
    step_list_of(decoder, host, STEP_ROW)[i] = first + place;
    step_list_of(decoder, host, STEP_SELF_START)[i] = first;
    step_list_of(decoder, host, STEP_SELF_COUNT)[i] = place + 1;
}

// Captions of one picture are the queries of one sample. Returns how many pictures there are, and the most captions of
// one.
static int list_pictures(struct cached_decoder *decoder, int count, const struct caption_row *row, int *most) {
    int32_t *host = decoder->host, *queries = step_list_of(decoder, host, STEP_QUERY_COUNT);
    int pictures = 0;
    *most = 0;
    for (int i = 0; i < count; i++) {
        if (!i || row[i].picture != row[i - 1].picture) {
            step_list_of(decoder, host, STEP_QUERY_START)[pictures] = i;
            step_list_of(decoder, host, STEP_CROSS_START)[pictures] = row[i].picture * decoder->N;
            queries[pictures++] = 0;
        }
        if (++queries[pictures - 1] > *most) *most = queries[pictures - 1];
    }
    return pictures;
}

// x += attn(ln_1(x)) for the newest token of each caption, whose key and value join the cache first, since it sees
// itself. The packed matrix is used in its two parts: queries stay in a row each, keys and values go where the cache
// wants them.
static void attend_to_cache(struct cached_decoder *decoder, const struct self_attention *layer, void *cache,
                            const struct attention_pattern *pattern) {
    struct ops *ops = decoder->ops;
    struct self_attention_state *state = &decoder->self;
    void *q = state->attention.in.q;
    norm_apply(ops, &layer->norm, &state->norm, decoder->x, pattern->B);
    linear_apply(ops, &layer->attention.q, q, state->norm.out, NULL, pattern->B);
    linear_apply(ops, &layer->attention.kv, decoder->kv, state->norm.out, NULL, pattern->B);
    ops->scatter_add_rows(ops, cache, decoder->kv, step_list_of(decoder, decoder->device, STEP_ROW), pattern->B,
                          2 * decoder->D);
    state->attention.in = operands_apart(q, cache, decoder->D, ops->dtype);
    attention_apply(ops, &layer->attention, &state->attention, decoder->x, decoder->x, pattern);
}

// No caption has more than T keys; how many it has lies on the device, so that each step has the same arguments.
static struct attention_pattern self_pattern(const struct cached_decoder *decoder, int count) {
    struct spans keys = {step_list_of(decoder, decoder->device, STEP_SELF_START),
                         step_list_of(decoder, decoder->device, STEP_SELF_COUNT), decoder->T,
                         (int64_t)decoder->slots * decoder->T};
    return (struct attention_pattern){.B = count, .queries = spans_rows(&decoder->one_row, count), .keys = keys};
}

// A picture's captions are one sample with several queries: so its keys and values are read once for all beams.
static struct attention_pattern cross_pattern(const struct cached_decoder *decoder, int count, int pictures, int most) {
    struct spans keys = spans_rows(&decoder->features, (int64_t)decoder->batch * decoder->N);
    struct spans queries = {step_list_of(decoder, decoder->device, STEP_QUERY_START),
                            step_list_of(decoder, decoder->device, STEP_QUERY_COUNT), most, count};
    keys.start = step_list_of(decoder, decoder->device, STEP_CROSS_START);
    return (struct attention_pattern){.B = pictures, .queries = queries, .keys = keys};
}

static void run_unimodal(struct cached_decoder *decoder, const struct attention_pattern *self) {
    const struct transformer *transformer = &decoder->unimodal.transformer;
    for (int i = 0; i < transformer->dims.layers; i++) {
        attend_to_cache(decoder, &transformer->block[i].attention, decoder->unimodal_cache[i], self);
        mlp_apply(decoder->ops, &transformer->block[i].mlp, &decoder->unimodal_mlp, decoder->x, self->B);
    }
}

static void run_multimodal(struct cached_decoder *decoder, const struct attention_pattern *self,
                           const struct attention_pattern *cross) {
    const struct multimodal *multimodal = &decoder->multimodal;
    for (int i = 0; i < multimodal->dims.layers; i++) {
        const struct decoder_layer *layer = &multimodal->layer[i];
        attend_to_cache(decoder, &layer->self, decoder->multimodal_cache[i], self);
        if (multimodal->dims.self_mlp)
            mlp_apply(decoder->ops, &layer->self_mlp, &decoder->multimodal_mlp, decoder->x, self->B);
        cross_attention_apply(decoder->ops, &layer->cross, &decoder->cross[i], decoder->x, cross);
        mlp_apply(decoder->ops, &layer->mlp, &decoder->multimodal_mlp, decoder->x, self->B);
    }
}

// From the newest tokens to the logits behind them. Only the unimodal half has the mask, as in training.
static void run_step(struct cached_decoder *decoder, const struct attention_pattern *cross, int count,
                     const uint8_t *key_valid) {
    struct ops *ops = decoder->ops;
    const struct unimodal *unimodal = &decoder->unimodal;
    const struct multimodal *multimodal = &decoder->multimodal;
    struct attention_pattern self = self_pattern(decoder, count), unimodal_self = self;
    unimodal_self.key_valid = key_valid;
    ops->embedding_forward(ops, decoder->x, unimodal->token.value, unimodal->cls.value, unimodal->position.value,
                           step_list_of(decoder, decoder->device, STEP_TOKEN),
                           step_list_of(decoder, decoder->device, STEP_PLACE), count, decoder->D);
    run_unimodal(decoder, &unimodal_self);
    run_multimodal(decoder, &self, cross);
    norm_apply(ops, &multimodal->ln_final, &decoder->norm, decoder->x, count);
    linear_apply(ops, &multimodal->text_projection, decoder->logits, decoder->norm.out, NULL, count);
}

// Where captions stand, how long they are and which picture they see is in the lists; the recorded operations depend on
// three counts alone, each at most `slots`, which are the digits of the key.
void cached_decoder_step(struct cached_decoder *decoder, int count, const struct caption_row *row, int place) {
    struct ops *ops = decoder->ops;
    int most, pictures = list_pictures(decoder, count, row, &most);
    struct attention_pattern cross = cross_pattern(decoder, count, pictures, most);
    int64_t base = decoder->slots + 1;
    bool issued;
    for (int i = 0; i < count; i++) list_row(decoder, i, &row[i], place);
    decoder_lists_upload(decoder);
    decoder_slots_fork(decoder);
    const uint8_t *key_valid = key_mask_upload(&decoder->mask, ops);
    ops->graph_begin(ops, &decoder->step, (count * base + pictures) * base + most, &issued);
    if (issued) return;
    run_step(decoder, &cross, count, key_valid);
    ops->graph_end(ops, &decoder->step);
}

bool cached_decoder_in_host(const struct cached_decoder *decoder) {
    return decoder->in_host;
}

const void *cached_decoder_logits(struct cached_decoder *decoder, int count, void *room) {
    struct ops *ops = decoder->ops;
    const size_t elements = (size_t)(count * decoder->multimodal.dims.V);
    if (decoder->in_host) return decoder->logits;
    ops->download(ops, room, decoder->logits, elements * dtype_size(ops->dtype));
    return room;
}

static char *largest_at(const struct cached_decoder *decoder, int i) {
    return (char *)decoder->largest + (size_t)i * dtype_size(decoder->ops->dtype);
}

// The largest logit of a row is copied aside and not looked at yet: on a device a look would wait for it, in every
// step. It is NaN where all are, since such a row's first token is taken for its likeliest.
void cached_decoder_likeliest(struct cached_decoder *decoder, int count, int32_t *token) {
    struct ops *ops = decoder->ops;
    int64_t V = decoder->multimodal.dims.V;
    size_t size = dtype_size(ops->dtype);
    ops->largest_columns(ops, decoder->likeliest, decoder->logits, count, V, LIKELIEST);
    ops->download(ops, token, decoder->likeliest, (size_t)count * LIKELIEST * sizeof *token);
    for (int i = 0; i < count; i++)
        ops->copy(ops, largest_at(decoder, decoder->largest_count++),
                  (char *)decoder->logits + (size_t)(i * V + token[i * LIKELIEST]) * size, size);
}

bool cached_decoder_finite(const struct cached_decoder *decoder) {
    struct ops *ops = decoder->ops;
    size_t count = (size_t)decoder->largest_count, bytes = count * dtype_size(ops->dtype);
    void *largest = xmalloc(bytes);
    ops->download(ops, largest, decoder->largest, bytes);
    bool finite = dtype_finite(ops->dtype, largest, count);
    free(largest);
    return finite;
}
