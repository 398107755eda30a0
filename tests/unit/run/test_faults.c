// Checkpoints and run directories with the nth call failing.
#include "../faults/faults.h"
#include "run.h"

#include "base/hash.h"
#include "base/json.h"
#include "run/checkpoint.h"
#include "run/export.h"
#include "run/metrics.h"
#include "run/run_directory.h"
#include "tensor/safetensors.h"

static void write_text(const char *path, const char *text) {
    assert_done(file_write(path, text, strlen(text)));
}

// ---- checkpoints

static const char *const file_names[] = {"image.safetensors", "text.safetensors"};

// What stages write before loss commits.
static struct checkpoint write_aside(int64_t step) {
    struct checkpoint checkpoint = {.step = step, .samples = step * 8};
    char *directory = checkpoint_aside(CHECKPOINTS, step);
    assert_done(directory_make(directory));
    for (int i = 0; i < 2; i++) {
        char *path = path_join(directory, file_names[i]);
        write_text(path, file_names[i]);
        struct written_file *file = written_add(&checkpoint.written, file_names[i]);
        file->size = (int64_t)strlen(file_names[i]);
        file->checksum = hash_bytes(file_names[i], strlen(file_names[i]), 0);
        free(path);
    }
    free(directory);
    return checkpoint;
}

static void commit(int64_t step) {
    const struct checkpoint checkpoint = write_aside(step);
    assert_done(checkpoint_commit(&checkpoint, CHECKPOINTS, 2));
}

static int verify(int64_t step) {
    struct checkpoint found;
    char *path = checkpoint_path(CHECKPOINTS, step);
    int status = checkpoint_read(&found, path);
    if (!status) status = checkpoint_verify(&found, path, "");
    if (!status) status = found.step != step || found.samples != 8 * step || found.written.count != 2;
    free(path);
    return status;
}

// Under its final name a checkpoint is whole, or it is not there.
static bool is_whole(int64_t step) {
    char *path = checkpoint_path(CHECKPOINTS, step);
    bool whole = !directory_exists(path) || !verify(step);
    free(path);
    return whole;
}

static bool newest_is(int64_t step) {
    int64_t newest;
    return !checkpoint_newest(CHECKPOINTS, &newest) && newest == step && is_whole(3) && is_whole(5) && is_whole(7);
}

static struct checkpoint seventh;

static void make_fifth(void) {
    commit(3);
    commit(5);
    seventh = write_aside(7);
}

static bool is_fifth(void) {
    return newest_is(5);
}

static bool is_seventh(void) {
    return newest_is(7);
}

static int commit_seventh(void) {
    return checkpoint_commit(&seventh, CHECKPOINTS, 2);
}

static void a_checkpoint_is_whole_or_none(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_fifth, commit_seventh, is_fifth, is_seventh, "checkpoints"});
}

static int verify_fifth(void) {
    return verify(5);
}

static void a_checkpoint_reads_whole_or_not_at_all(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_fifth, verify_fifth, NULL, NULL, "step-5"});
}

static int clean(void) {
    return checkpoint_clean(CHECKPOINTS);
}

static bool is_clean(void) {
    return newest_is(5) && !directory_exists("checkpoints/.step-7");
}

static void what_was_not_finished_goes(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_fifth, clean, is_fifth, is_clean, "checkpoints"});
}

// A folder that cannot be read is not one without checkpoints: a run would begin anew.
static int find_newest(void) {
    int64_t newest;
    int status = checkpoint_newest(CHECKPOINTS, &newest);
    return status ? status : newest != 5;
}

static void the_newest_is_found_or_the_failure_told(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_fifth, find_newest, NULL, NULL, "checkpoints"});
}

// ---- run directories

static int prepare(const char *words, const char *resume) {
    struct run_directory directory;
    const struct run_place place = {.name = (char *)"one", .runs = (char *)"runs", .resume = (char *)resume};
    const struct run_sources sources = {"runs-model.json", "runs-tokenizer", NULL, NULL};
    json_t *versions = json_pack("{s:s, s:s}", "code", "1", "data", "d");
    int status = type_options(words);
    if (!status) status = run_directory_open(&directory, &typed, &place);
    if (!status) status = run_directory_compare(&directory, versions);
    if (!status) status = run_directory_write(&directory, versions, &sources);
    run_directory_close(&directory);
    json_decref(versions);
    release_options();
    return status;
}

static int begin(void) {
    return prepare("--steps 100", NULL);
}

static int resume(void) {
    return prepare("", "latest");
}

static void make_sources(void) {
    write_text("runs-model.json", "{}");
    write_text("runs-tokenizer", "words");
}

static bool holds(const char *path, const char *text) {
    struct buffer bytes = {0};
    bool same = !file_read(path, 1 << 20, &bytes) && !strcmp(bytes.bytes, text);
    buffer_release(&bytes);
    return same;
}

// Whether run.json is there and says from where to go on.
static bool goes_on_from(const char *checkpoint) {
    json_t *document = json_read("runs/one/run.json", 1 << 20), *start = json_object_get(document, "start");
    const char *found = json_string_value(json_object_get(start, "checkpoint"));
    bool same = found && !strcmp(found, checkpoint);
    json_decref(document);
    return same;
}

static bool is_no_run(void) {
    return !file_exists("runs/one/run.json");
}

static bool is_run(void) {
    return goes_on_from("") && directory_exists("runs/one/log") && directory_exists("runs/one/sockets") &&
           holds("runs/one/model.json", "{}") && holds("runs/one/tokenizer.model", "words");
}

static void a_run_is_there_when_all_of_it_is(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_sources, begin, is_no_run, is_run, "runs"});
}

#define TWO_STEPS "{\"step\": 0}\n{\"step\": 1}\n"
#define CUT_LINE "{\"step\": 2}\n{\"st"

static void make_run(void) {
    make_sources();
    assert_done(begin());
    assert_done(chdir("runs/one"));
    commit(2);
    write_aside(3);
    write_text("metrics.jsonl", TWO_STEPS CUT_LINE);
    write_text("drops.jsonl", TWO_STEPS CUT_LINE);
    assert_done(chdir("../.."));
}

// What follows the checkpoint is cut from one file after the other.
static bool is_log(const char *path) {
    return holds(path, TWO_STEPS CUT_LINE) || holds(path, TWO_STEPS);
}

static bool is_old_run(void) {
    return goes_on_from("") && is_log("runs/one/metrics.jsonl") && is_log("runs/one/drops.jsonl") &&
           directory_exists("runs/one/checkpoints/step-2");
}

static bool is_resumed(void) {
    return goes_on_from("checkpoints/step-2") && holds("runs/one/metrics.jsonl", TWO_STEPS) &&
           holds("runs/one/drops.jsonl", TWO_STEPS) && directory_exists("runs/one/checkpoints/step-2") &&
           !directory_exists("runs/one/checkpoints/.step-3");
}

static void a_run_goes_on_or_stays_as_it_was(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_run, resume, is_old_run, is_resumed, "runs"});
}

// ---- metrics

static void make_log(void) {
    write_text("metrics.jsonl", TWO_STEPS);
}

// What a failed line leaves behind, the next start cuts.
static int append(void) {
    const struct metrics metrics = {.step = 2, .loss = 1};
    int status = jsonl_cut("metrics.jsonl", 2);
    return status ? status : metrics_append("metrics.jsonl", &metrics);
}

static bool begins_with_two_steps(void) {
    return !jsonl_cut("metrics.jsonl", 2) && holds("metrics.jsonl", TWO_STEPS);
}

static bool has_third_step(void) {
    const struct metrics metrics = {.step = 2, .loss = 1};
    char *line = metrics_format(&metrics), *text = xformat(TWO_STEPS "%s\n", line);
    bool there = holds("metrics.jsonl", text);
    free(line);
    free(text);
    return there;
}

static void a_line_of_metrics_is_whole_or_told(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_log, append, begins_with_two_steps, has_third_step, "metrics.jsonl"});
}

// ---- the model that is left

static const struct model_part *const parts[] = {&image_part, &text_part};

static const char model_json[] =
    "{\"family\": \"paper\", \"embed_dim\": 16,"
    " \"vision_cfg\": {\"image_size\": 8, \"patch_size\": 4, \"width\": 16, \"layers\": 1, \"head_width\": 8,"
    "   \"attentional_pool\": \"cascade\", \"attn_pooler_queries\": 3, \"attn_pooler_heads\": 2},"
    " \"text_cfg\": {\"context_length\": 8, \"vocab_size\": 36, \"width\": 16, \"heads\": 2, \"layers\": 1,"
    "   \"embed_cls\": true, \"pad_id\": 0, \"bos_id\": 1, \"eos_id\": 2},"
    " \"multimodal_cfg\": {\"context_length\": 8, \"vocab_size\": 36, \"width\": 16, \"heads\": 2, \"layers\": 1}}";

// Weights of one tensor a part are as good as a model's here.
static void make_trained(void) {
    const struct checkpoint checkpoint = write_aside(5);
    float value = 5;
    for (int i = 0; i < 2; i++) {
        struct tensor tensor = {.dtype = DT_F32, .shape = SHAPE(1), .data = &value};
        char *path = xformat("checkpoints/.step-5/%s.safetensors", parts[i]->name);
        strcpy(tensor.name, parts[i]->name);
        assert_done(safetensors_write(path, &tensor, 1, NULL, 0, NULL, NULL));
        free(path);
    }
    assert_done(checkpoint_commit(&checkpoint, CHECKPOINTS, 2));
    write_text("model.json", model_json);
    write_text("tokenizer.model", "words");
}

static int export(void) {
    return export_model("checkpoints/step-5", "model", parts, 2, NULL);
}

static bool is_no_model(void) {
    return !file_exists("model/open_clip_config.json");
}

static bool is_model(void) {
    struct safetensors weights;
    if (safetensors_open(&weights, "model/open_clip_model.safetensors")) return false;
    const bool whole = weights.count == 2 && holds("model/tokenizer.model", "words");
    safetensors_close(&weights);
    json_t *config = json_read("model/open_clip_config.json", 1 << 20);
    const bool described = json_object_get(config, "model_cfg") && json_object_get(config, "preprocess_cfg");
    json_decref(config);
    return whole && described;
}

static void a_model_with_a_configuration_is_whole(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_trained, export, is_no_model, is_model, "model|step-5"});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_checkpoint_is_whole_or_none),      IN_FOLDER(a_checkpoint_reads_whole_or_not_at_all),
        IN_FOLDER(what_was_not_finished_goes),         IN_FOLDER(the_newest_is_found_or_the_failure_told),
        IN_FOLDER(a_run_is_there_when_all_of_it_is),   IN_FOLDER(a_run_goes_on_or_stays_as_it_was),
        IN_FOLDER(a_line_of_metrics_is_whole_or_told), IN_FOLDER(a_model_with_a_configuration_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
