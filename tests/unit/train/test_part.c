// A part of the model is started from a seed, a file, a folder or a checkpoint, and nothing of another model gets in.
#include "../run/run.h"

#include <math.h>

#include "base/json.h"
#include "optim/squares.h"
#include "run/checkpoint.h"
#include "run/export.h"
#include "run/pretrained.h"
#include "run/run_model.h"
#include "stage/stage.h"
#include "train/memory.h"
#include "train/part.h"

static char *golden(const char *model, const char *file) {
    return xformat("%s/parity/%s/%s", tests_folder, model, file);
}

// Options of narrow_vision on the reference backend, then `more`.
static int type_for(const char *model, const char *more) {
    char *config = golden(model, "model.json"), *words = xformat("--device reference --model %s %s", config, more);
    int status = type_options(words);
    free(config);
    free(words);
    return status;
}

static int open_part(struct part *part, const struct stage_row *row, bool train) {
    int status = part_open(part, row, &typed);
    return status ? status : part_load(part, train);
}

// The three of CoCa itself.
static const struct stage_row *const rows[] = {&image_row, &text_row, &loss_row};

static void assert_same_weights(const struct part *a, const struct part *b) {
    assert_int_equal(a->params->elements, b->params->elements);
    assert_memory_equal(a->params->master, b->params->master, (size_t)a->params->elements * sizeof(real));
}

static void the_seed_decides(void **state) {
    (void)state;
    struct part one, same, other;
    assert_done(type_for("narrow_vision", "--seed 3"));
    assert_done(open_part(&one, &text_row, false));
    assert_done(open_part(&same, &text_row, true));
    assert_done(type_for("narrow_vision", "--seed 4"));
    assert_done(open_part(&other, &text_row, false));
    assert_same_weights(&one, &same);
    assert_memory_not_equal(one.params->master, other.params->master, 64 * sizeof(real));
    struct part *all[] = {&one, &same, &other};
    for (int i = 0; i < 3; i++) part_close(all[i]);
}

// One update with a gradient of ones.
static void update(struct part *part) {
    for (int t = 0; t < part->params->count; t++) {
        const struct param *param = &part->params->item[t];
        for (int64_t i = 0; i < shape_count(param->shape); i++) part->params->gradient[param->offset + i] = 1;
    }
    optimizer_step(part->optimizer, 0.1, 1);
}

// A checkpoint of all three parts after one update, with a moving average, in checkpoints/step-1.
static void write_checkpoint(struct part part[3]) {
    struct checkpoint checkpoint = {.step = 1};
    char *aside = checkpoint_aside(CHECKPOINTS, 1);
    assert_done(directory_make(aside));
    for (int i = 0; i < 3; i++) {
        assert_done(open_part(&part[i], rows[i], true));
        update(&part[i]);
        assert_done(part_write(&part[i], aside, &checkpoint.written, (struct ranks_meanwhile){0}));
    }
    checkpoint.model = part[0].config.fingerprint;
    assert_int_equal(checkpoint.written.count, 9);
    assert_done(checkpoint_commit(&checkpoint, CHECKPOINTS, 1));
    free(aside);
}

static void close_all(struct part part[3]) {
    for (int i = 0; i < 3; i++) part_close(&part[i]);
}

static void a_checkpoint_goes_on_as_if_nothing_was(void **state) {
    (void)state;
    struct part part[3], resumed;
    assert_done(type_for("narrow_vision", "--ema-decay 0.5"));
    write_checkpoint(part);
    strcpy(typed.start.checkpoint, "checkpoints/step-1");
    for (int i = 0; i < 3; i++) {
        assert_done(open_part(&resumed, rows[i], true));
        assert_same_weights(&resumed, &part[i]);
        assert_int_equal(optimizer_updates(resumed.optimizer), 1);
        update(&part[i]);
        update(&resumed);
        assert_same_weights(&resumed, &part[i]);
        assert_memory_equal(optimizer_average(resumed.optimizer), optimizer_average(part[i].optimizer),
                            (size_t)resumed.params->elements * sizeof(real));
        part_close(&resumed);
    }
    close_all(part);
}

static void the_checkpoint_of_another_model_is_refused(void **state) {
    (void)state;
    struct part part[3], other;
    assert_done(type_for("narrow_vision", "--ema-decay 0.5"));
    write_checkpoint(part);
    assert_done(type_for("wide_vision", ""));
    strcpy(typed.start.checkpoint, "checkpoints/step-1");
    assert_done(part_open(&other, &image_row, &typed));
    assert_refused(EXIT_USAGE, "another model", part_load(&other, true));
    part_close(&other);
    close_all(part);
}

static void inference_takes_the_average_and_training_the_masters(void **state) {
    (void)state;
    struct part part[3], found;
    assert_done(type_for("narrow_vision", "--ema-decay 0.5"));
    write_checkpoint(part);
    assert_done(type_for("narrow_vision", "--pretrained checkpoints/step-1"));
    assert_done(open_part(&found, &text_row, true));
    assert_same_weights(&found, &part[1]);
    part_close(&found);
    assert_done(open_part(&found, &text_row, false));
    assert_memory_equal(found.params->master, optimizer_average(part[1].optimizer),
                        (size_t)found.params->elements * sizeof(real));
    part_close(&found);
    close_all(part);
}

// ---- pretrained

static void a_file_of_weights_fills_each_part(void **state) {
    (void)state;
    char *weights = golden("narrow_vision", "weights.safetensors"), *words = xformat("--pretrained %s", weights);
    for (int i = 0; i < 3; i++) {
        struct part part;
        struct safetensors file;
        assert_done(type_for("narrow_vision", words));
        assert_done(open_part(&part, rows[i], false));
        assert_done(safetensors_open(&file, weights));
        const struct param *last = &part.params->item[part.params->count - 1];
        assert_memory_equal(part.params->master + last->offset, safetensors_find(&file, last->name)->data,
                            (size_t)shape_count(last->shape) * sizeof(real));
        safetensors_close(&file);
        part_close(&part);
    }
    free(weights);
    free(words);
}

static void weights_that_do_not_fit_are_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"nowhere", "empty", "checkpoints"};
    char *weights = golden("wide_vision", "weights.safetensors"), *words = xformat("--pretrained %s", weights);
    struct part part;
    assert_done(directory_make("empty"));
    assert_done(type_for("narrow_vision", words));
    assert_done(part_open(&part, &image_row, &typed));
    assert_refused(EXIT_USAGE, "visual.conv1.weight", part_load(&part, false));
    part_close(&part);
    for (int i = 0; i < 3; i++) {
        char *more = xformat("--pretrained %s", wrong[i]);
        assert_done(type_for("narrow_vision", more));
        assert_done(part_open(&part, &image_row, &typed));
        assert_refused(EXIT_USAGE, wrong[i], part_load(&part, false));
        part_close(&part);
        free(more);
    }
    free(weights);
    free(words);
}

static void a_model_is_found_by_file_or_beside_its_weights(void **state) {
    (void)state;
    char *path = NULL;
    assert_refused(EXIT_USAGE, "no such preset", model_resolve(&path, "coca_of_nowhere", NULL));
    free(path);
    assert_refused(EXIT_USAGE, "no such file", model_resolve(&path, "here/model.json", NULL));
    free(path);
    assert_done(directory_make("folder"));
    assert_refused(EXIT_USAGE, PRETRAINED_CONFIG, model_resolve(&path, NULL, "folder"));
    assert_done(file_write("folder/" PRETRAINED_CONFIG, "{}", 2));
    assert_done(model_resolve(&path, NULL, "folder"));
    assert_string_equal(path, "folder/" PRETRAINED_CONFIG);
    free(path);
    assert_done(model_resolve(&path, NULL, "folder/" PRETRAINED_WEIGHTS));
    assert_string_equal(path, "folder/" PRETRAINED_CONFIG);
    free(path);
}

// A hub folder has its vocabulary in one of several files; of two that belong together both are copied.
static void a_vocabulary_is_found_beside_the_weights(void **state) {
    (void)state;
    static const char *const names[] = {"bpe_simple_vocab_16e6.txt.gz", "vocab.json", "tokenizer.json",
                                        "tokenizer.model"};
    assert_done(directory_make("hub"));
    assert_done(directory_make("copy"));
    assert_null(pretrained_tokenizer("hub"));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) { // each before those that came before it
        char *path = path_join("hub", names[i]);
        assert_done(file_write(path, names[i], strlen(names[i])));
        char *found = pretrained_tokenizer("hub");
        assert_string_equal(found, path);
        free(found);
        free(path);
    }
    assert_done(file_write("hub/merges.txt", "pairs", 5));
    assert_done(pretrained_copy_tokenizer("hub/tokenizer.json", "copy/tokenizer.model"));
    assert_false(file_exists("copy/merges.txt"));
    assert_done(pretrained_copy_tokenizer("hub/vocab.json", "copy/tokenizer.model"));
    assert_true(file_exists("copy/merges.txt") && !file_exists("copy/vocab.json"));
    assert_done(pretrained_copy_tokenizer("hub/merges.txt", "copy/tokenizer.model"));
    assert_true(file_exists("copy/vocab.json"));
}

// weights.safetensors of narrow_vision, changed and written as changed.safetensors.
static void write_changed(void (*change)(struct tensor *tensor, size_t count)) {
    char *path = golden("narrow_vision", "weights.safetensors");
    struct safetensors file;
    assert_done(safetensors_open(&file, path));
    change(file.tensor, file.count);
    assert_done(safetensors_write("changed.safetensors", file.tensor, file.count, NULL, 0, NULL, NULL));
    safetensors_close(&file);
    free(path);
}

// Both words in both orders, doubled, and within a name.
static void wrap_names(struct tensor *tensor, size_t count) {
    static const char *const front[] = {"module._orig_mod.", "_orig_mod.module.", "module.module."};
    for (size_t i = 0; i < count; i++) {
        char *dot = strchr(tensor[i].name, '.');
        char *name = xformat("%s%.*s%s%s", front[i % 3], dot ? (int)(dot - tensor[i].name + 1) : 0, tensor[i].name,
                             dot ? "_orig_mod." : "", dot ? dot + 1 : tensor[i].name);
        strcpy(tensor[i].name, name);
        free(name);
    }
}

static void a_wrapper_s_words_are_taken_out_of_names(void **state) {
    (void)state;
    char *weights = golden("narrow_vision", "weights.safetensors"), *words = xformat("--pretrained %s", weights);
    write_changed(wrap_names);
    for (int i = 0; i < 3; i++) {
        struct part bare, wrapped;
        assert_done(type_for("narrow_vision", words));
        assert_done(open_part(&bare, rows[i], false));
        assert_done(type_for("narrow_vision", "--pretrained changed.safetensors"));
        assert_done(part_open(&wrapped, rows[i], &typed));
        assert_refused(0, "module. and _orig_mod. are taken off the names of", part_load(&wrapped, false));
        assert_same_weights(&bare, &wrapped);
        part_close(&bare);
        part_close(&wrapped);
    }
    free(weights);
    free(words);
}

static void double_a_name(struct tensor *tensor, size_t count) {
    assert_true(count > 1);
    strcpy(tensor[0].name, "module.");
    strcat(tensor[0].name, tensor[1].name);
}

static void two_tensors_of_one_name_are_refused(void **state) {
    (void)state;
    struct part part;
    write_changed(double_a_name);
    assert_done(type_for("narrow_vision", "--pretrained changed.safetensors"));
    assert_done(part_open(&part, &image_row, &typed));
    assert_refused(EXIT_DATA, "two tensors are ", part_load(&part, false));
    part_close(&part);
}

static float odd_numbers[1 << 16]; // zeros and one that is not finite

static void spoil(struct tensor *tensor, size_t count) {
    for (size_t i = 0; i < count; i++) {
        bool spoilt = !strcmp(tensor[i].name, "visual.conv1.weight") || !strcmp(tensor[i].name, "logit_scale") ||
                      !strcmp(tensor[i].name, "text_decoder.text_projection");
        if (!spoilt) continue;
        assert_true(tensor_bytes(&tensor[i]) <= (int64_t)sizeof odd_numbers);
        odd_numbers[shape_count(tensor[i].shape) - 1] = -INFINITY;
        tensor[i].data = odd_numbers;
    }
}

// Training may go on, since it skips what meets them; nothing else may.
static void weights_that_are_not_finite_are_named(void **state) {
    (void)state;
    static const char *const first[] = {"visual.conv1.weight", "text_decoder.text_projection", "logit_scale"};
    write_changed(spoil);
    assert_done(type_for("narrow_vision", "--pretrained changed.safetensors"));
    for (int i = 0; i < 3; i++) {
        struct part part;
        assert_done(part_open(&part, rows[i], &typed));
        assert_refused(EXIT_DATA, first[i], part_load(&part, false));
        part_close(&part);
        assert_done(part_open(&part, rows[i], &typed));
        assert_refused(0, first[i], part_load(&part, true));
        part_close(&part);
    }
}

// open_clip's configurations do not say whether two poolers end in visual.proj.
static void weights_say_whether_there_is_a_projection(void **state) {
    (void)state;
    static const char *const names[] = {"coca2_equal_widths", "open_clip_cascade"};
    for (int i = 0; i < 2; i++) {
        struct part part;
        struct model_config copied;
        char *model = golden(names[i], "model.json"), *weights = golden(names[i], "weights.safetensors");
        char *words = xformat("--pretrained %s", weights);
        assert_done(type_for(names[i], words));
        assert_done(open_part(&part, &image_row, false));
        assert_int_equal(part.config.vision.proj, i);
        assert_done(run_model_copy(&typed, model, NULL, "copy.json"));
        assert_done(model_config_read(&copied, "copy.json"));
        assert_true(!copied.vision.proj_is_open && copied.fingerprint == part.config.fingerprint);
        part_close(&part);
        free(model);
        free(weights);
        free(words);
    }
}

static void weights_tell_which_parts_they_hold(void **state) {
    (void)state;
    char *weights = golden("narrow_vision", "weights.safetensors"),
         *batch = golden("narrow_vision", "batch.safetensors");
    assert_true(pretrained_holds(weights, &text_part) && pretrained_holds(weights, &image_part));
    assert_false(pretrained_holds(weights, &head_part) || pretrained_holds(batch, &text_part));
    assert_false(pretrained_holds("nowhere", &text_part));
    free(weights);
    free(batch);
}

static void the_exported_model_is_the_averaged_one(void **state) {
    (void)state;
    struct part part[3], found;
    char *model = golden("narrow_vision", "model.json");
    assert_done(file_copy(model, "model.json"));
    assert_done(file_write("tokenizer.model", "words", 5));
    assert_done(type_for("narrow_vision", "--ema-decay 0.5"));
    write_checkpoint(part);
    assert_done(export_model("checkpoints/step-1", "model",
                             (const struct model_part *const[]){&image_part, &text_part, &loss_part}, 3, NULL));
    assert_true(file_exists("model/tokenizer.model"));
    assert_done(type_options("--device reference --pretrained model")); // with its own configuration
    for (int i = 0; i < 3; i++) {
        assert_done(open_part(&found, rows[i], false));
        assert_true(found.config.fingerprint == part[i].config.fingerprint);
        assert_memory_equal(found.params->master, optimizer_average(part[i].optimizer),
                            (size_t)found.params->elements * sizeof(real));
        part_close(&found);
    }
    close_all(part);
    free(model);
}

// narrow_vision with a head, as headed.json.
static void write_headed(void) {
    static const struct head_config head = {TASK_VQA, 5, 1, 4, 1};
    char *model = golden("narrow_vision", "model.json");
    json_t *document = json_read(model, MODEL_CONFIG_BYTES);
    model_config_use_head_json(document, &head);
    assert_done(json_write("headed.json", document));
    json_decref(document);
    free(model);
}

// From a file and from a checkpoint of a model without a head; who does not train wants one that was taught.
static void a_new_head_begins_from_the_seed(void **state) {
    (void)state;
    static const struct stage_row row = {.role = "some-head", .part = &head_part};
    char *weights = golden("narrow_vision", "weights.safetensors");
    const char *const from[] = {weights, "checkpoints/step-1"};
    struct part part[3], drawn, anew;
    assert_done(type_for("narrow_vision", "--ema-decay 0.5"));
    write_checkpoint(part);
    close_all(part);
    write_headed();
    for (int i = 0; i < 2; i++) {
        char *words = xformat("--device reference --model headed.json --seed 5 --pretrained %s", from[i]);
        assert_done(type_options("--device reference --model headed.json --seed 5"));
        assert_done(open_part(&drawn, &row, true));
        assert_done(type_options(words));
        assert_done(part_open(&anew, &row, &typed));
        assert_refused(EXIT_USAGE, "head.attn_pool.query", part_load(&anew, false));
        part_close(&anew);
        assert_done(part_open(&anew, &row, &typed));
        assert_refused(0, "has no head.attn_pool.query, nor 12 more tensors", part_load(&anew, true));
        assert_same_weights(&anew, &drawn);
        assert_true(drawn.params->master[0] != 0);
        part_close(&anew);
        part_close(&drawn);
        free(words);
    }
    free(weights);
}

// ---- gradients, memory

static void the_first_gradient_that_is_not_finite_is_named(void **state) {
    (void)state;
    struct part part;
    assert_done(type_for("narrow_vision", ""));
    assert_done(open_part(&part, &image_row, true));
    for (int64_t i = 0; i < 10; i++) part.params->gradient[i] = 3;
    assert_true(part_gradient_squares(&part) == 90);
    const struct param *third = &part.params->item[2], *fifth = &part.params->item[4];
    part.params->gradient[fifth->offset] = NAN;
    part.params->gradient[third->offset + 1] = INFINITY;
    assert_false(isfinite(part_gradient_squares(&part)));
    double *squares = xcalloc((size_t)part.params->count, sizeof *squares);
    gradient_squares(part.params, squares);
    assert_string_equal(squares_bad(part.params, squares), third->name);
    free(squares);
    part_close(&part);
}

#define GIB (1LL << 30)

// 8 GiB a sample and activation set, over sets of a batch of 16.
static struct memory_bytes made_up_need(void *context, int recompute, int64_t microbatch) {
    (void)context;
    return (struct memory_bytes){.device = GIB / 2 * microbatch * (recompute == RECOMPUTE_NONE ? 16 / microbatch : 1)};
}

static int64_t free_gib; // of a made-up GPU, or -1

static void made_up_free_memory(struct ops *ops, int64_t *bytes) {
    (void)ops;
    *bytes = free_gib < 0 ? -1 : free_gib * GIB;
}

static int announce(const char *words) {
    assert_done(type_options(words));
    assert_done(run_check(&typed));
    struct ops ops = {.free_memory = made_up_free_memory};
    return memory_announce(&typed, &ops, made_up_need, NULL);
}

static void too_little_memory_names_what_fits(void **state) {
    (void)state;
    listen_in();
    free_gib = -1;
    int status = announce("--batch-size 16 --microbatch 8 --memory 9");
    assert_has(heard(), "needs 8."); // and what the process has by itself
    assert_int_equal(status, 0);
    assert_refused(EXIT_USAGE, "--recompute microbatch fits", announce("--batch-size 16 --microbatch 8 --memory 5"));
    assert_refused(EXIT_USAGE, "--microbatch 4 fits", announce("--batch-size 16 --microbatch 8 --memory 3"));
    assert_refused(EXIT_USAGE, "--microbatch 2 fits", announce("--batch-size 16 --microbatch 16 --memory 1.5"));
    assert_refused(EXIT_USAGE, "smaller --model", announce("--batch-size 16 --memory 0.1"));
}

static void too_small_a_gpu_names_what_fits(void **state) {
    (void)state;
    listen_in();
    free_gib = 8;
    int status = announce("--batch-size 16 --microbatch 8");
    assert_has(heard(), "needs 8.000 GiB of its GPU's memory");
    assert_int_equal(status, 0);
    free_gib = 5;
    assert_refused(EXIT_USAGE, "5.00 GiB that its GPU has free: --recompute microbatch fits",
                   announce("--batch-size 16 --microbatch 8"));
    free_gib = 3;
    assert_refused(EXIT_USAGE, "--microbatch 4 fits", announce("--batch-size 16 --microbatch 8"));
    assert_refused(EXIT_USAGE, "--memory 2.5", announce("--batch-size 16 --microbatch 8 --memory 2.5"));
    free_gib = 0;
    assert_refused(EXIT_USAGE, "smaller --model", announce("--batch-size 16"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(the_seed_decides),
        IN_FOLDER(a_checkpoint_goes_on_as_if_nothing_was),
        IN_FOLDER(the_checkpoint_of_another_model_is_refused),
        IN_FOLDER(inference_takes_the_average_and_training_the_masters),
        IN_FOLDER(a_file_of_weights_fills_each_part),
        IN_FOLDER(weights_that_do_not_fit_are_refused),
        IN_FOLDER(a_model_is_found_by_file_or_beside_its_weights),
        IN_FOLDER(a_vocabulary_is_found_beside_the_weights),
        IN_FOLDER(the_exported_model_is_the_averaged_one),
        IN_FOLDER(a_wrapper_s_words_are_taken_out_of_names),
        IN_FOLDER(two_tensors_of_one_name_are_refused),
        IN_FOLDER(weights_that_are_not_finite_are_named),
        IN_FOLDER(weights_say_whether_there_is_a_projection),
        IN_FOLDER(a_new_head_begins_from_the_seed),
        IN_FOLDER(the_first_gradient_that_is_not_finite_is_named),
        IN_FOLDER(too_little_memory_names_what_fits),
        IN_FOLDER(too_small_a_gpu_names_what_fits),
        IN_FOLDER(weights_tell_which_parts_they_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
