// Who may begin or resume a run in a directory, and with what.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"

#include "base/hash.h"
#include "base/json.h"
#include "run/checkpoint_memory.h"
#include "run/incidents.h"
#include "run/run_directory.h"
#include "run/run_json.h"
#include "run/run_model.h"

// "again" as coca-run says it.
static struct run_place place_of(const char *resume) {
    const bool again = resume && !strcmp(resume, "again");
    return (struct run_place){
        .name = (char *)"one", .runs = (char *)"runs", .resume = (char *)(again ? "latest" : resume), .again = again};
}

// What --prepare does, with made-up versions; `typed` is the run then.
static int prepare(const char *words, const char *resume, json_t *versions) {
    struct run_directory directory = {.lock = -1};
    struct run_place place = place_of(resume);
    const struct run_sources sources = {"model-source.json", "tokenizer-source", NULL, NULL};
    int status = type_options(words);
    typed.start = (struct run_start){.id = "an-id", .steps = 100};
    if (!status) status = run_directory_open(&directory, &typed, &place);
    if (!status) status = run_directory_compare(&directory, versions);
    if (!status) status = run_directory_write(&directory, versions, &sources);
    run_directory_close(&directory);
    json_decref(versions);
    return status;
}

static json_t *versions_of(const char *data) {
    return json_pack("{s:s, s:s, s:s}", "code", "1", "model", "m", "data", data);
}

static int begin(const char *words, const char *resume) {
    return prepare(words, resume, versions_of("d"));
}

static void write_text(const char *path, const char *text) {
    assert_done(file_write(path, text, strlen(text)));
}

static int enter(void **state) {
    if (enter_folder(state)) return -1;
    write_text("model-source.json", "{}");
    write_text("tokenizer-source", "words");
    return 0;
}

#define IN_RUNS(test) cmocka_unit_test_setup_teardown(test, enter, leave_folder)

static void commit_in(const char *place, int64_t step) {
    struct checkpoint checkpoint = {.step = step, .samples = step * 128};
    char *aside = checkpoint_aside(place, step), *path = path_join(aside, "image.safetensors");
    assert_done(chdir("runs/one"));
    assert_done(directory_make(aside));
    write_text(path, "weights");
    struct written_file *file = written_add(&checkpoint.written, "image.safetensors");
    file->size = 7;
    file->checksum = hash_bytes("weights", 7, 0);
    assert_done(checkpoint_commit(&checkpoint, place, 9));
    assert_done(chdir("../.."));
    free(path);
    free(aside);
}

static void commit(int64_t step) {
    commit_in(CHECKPOINTS, step);
}

static void assert_lines(const char *path, int count) {
    struct buffer text = {0};
    int lines = 0;
    assert_done(file_read(path, 1 << 20, &text));
    for (size_t i = 0; i < text.size; i++) lines += text.bytes[i] == '\n';
    assert_int_equal(lines, count);
    buffer_release(&text);
}

static void a_new_run_is_made(void **state) {
    (void)state;
    assert_done(begin("--steps 100 --lr 0.01", NULL));
    assert_true(directory_exists("runs/one/sockets") && directory_exists("runs/one/log"));
    assert_true(file_exists("runs/one/model.json") && file_exists("runs/one/tokenizer.model"));
    assert_done(chdir("runs/one"));
    assert_done(type_options("--lr 0.5"));
    assert_done(run_json_read(&typed));
    assert_string_equal(typed.start.id, "an-id");
    assert_string_equal(typed.start.checkpoint, "");
    assert_int_equal(typed.start.steps, 100);
    assert_int_equal(typed.options.steps, 100);
    assert_true(typed.options.lr == 0.5);
}

static void an_existing_run_names_two_remedies(void **state) {
    (void)state;
    assert_done(begin("--steps 100", NULL));
    assert_refused(EXIT_USAGE, "--resume latest", begin("--steps 100", NULL));
    assert_refused(EXIT_USAGE, "another --name", begin("--steps 100", NULL));
}

static void a_name_that_is_no_folder_is_refused(void **state) {
    (void)state;
    struct run_directory directory;
    static const char *const names[] = {NULL,
                                        "",
                                        "a/b",
                                        ".",
                                        "..",
                                        "two\n",
                                        "a\nb",
                                        "\ta",
                                        "\x7f",
                                        "\xc2\x9b"
                                        "2K"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct run_place place = {.name = (char *)names[i], .runs = (char *)"runs"};
        assert_refused(EXIT_USAGE, "--name", run_directory_open(&directory, &typed, &place));
        run_directory_close(&directory);
    }
}

static void assert_mode(const char *path, mode_t mode) {
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, mode);
}

static void nobody_else_listens_whatever_the_umask_is(void **state) {
    (void)state;
    const mode_t before = umask(0);
    assert_done(begin("--steps 100", NULL));
    assert_mode("runs/one/sockets", 0700);
    assert_int_equal(chmod("runs/one/sockets", 0777), 0);
    assert_done(begin("--steps 100", "latest"));
    assert_mode("runs/one/sockets", 0700);
    assert_int_equal(umask(before), 0);
}

static void latest_without_a_run_starts_anew(void **state) {
    (void)state;
    listen_in();
    int status = begin("--steps 100", "latest");
    assert_has(heard(), "starting anew");
    assert_int_equal(status, 0);
    assert_true(file_exists("runs/one/run.json"));
}

static void latest_without_a_checkpoint_starts_anew(void **state) {
    (void)state;
    assert_done(begin("--steps 100", NULL));
    write_text("runs/one/metrics.jsonl", "{\"step\": 0}\n");
    listen_in();
    int status = begin("", "latest");
    assert_has(heard(), "no checkpoint yet");
    assert_int_equal(status, 0);
    assert_lines("runs/one/metrics.jsonl", 0);
}

static void a_checkpoint_without_a_run_is_refused(void **state) {
    (void)state;
    assert_refused(EXIT_USAGE, "--pretrained", begin("--steps 100", "step-4"));
}

static void resuming_cuts_back_and_takes_the_options(void **state) {
    (void)state;
    assert_done(begin("--steps 100 --lr 0.01", NULL));
    commit(2);
    write_text("runs/one/metrics.jsonl", "{\"step\": 0}\n{\"step\": 1}\n{\"step\": 2}\n{\"st");
    write_text("runs/one/drops.jsonl", "{\"id\": 1, \"step\": 1}\n{\"id\": 2, \"step\": 2}\n");
    assert_done(directory_make("runs/one/checkpoints/.step-3"));
    assert_done(prepare("", "latest", versions_of("d")));
    assert_string_equal(typed.start.checkpoint, "checkpoints/step-2");
    assert_true(typed.options.lr == 0.01 && typed.options.steps == 100);
    assert_lines("runs/one/metrics.jsonl", 2);
    assert_lines("runs/one/drops.jsonl", 1);
    assert_false(directory_exists("runs/one/checkpoints/.step-3"));
}

static void a_checkpoint_may_be_named(void **state) {
    (void)state;
    assert_done(begin("--steps 100", NULL));
    commit(2);
    static const char *const ways[] = {"step-2", "runs/one/checkpoints/step-2", "latest"};
    for (int i = 0; i < 3; i++) {
        assert_done(prepare("", ways[i], versions_of("d")));
        assert_string_equal(typed.start.checkpoint, "checkpoints/step-2");
    }
    assert_refused(EXIT_USAGE, "say latest", begin("", "runs/other/checkpoints/step-2"));
    assert_refused(EXIT_USAGE, "say latest", begin("", "newest"));
    assert_refused(EXIT_DATA, "step-3", begin("", "step-3"));
}

static void an_older_checkpoint_does_not_overtake(void **state) {
    (void)state;
    assert_done(begin("--steps 100", NULL));
    commit(2);
    commit(4);
    assert_refused(EXIT_USAGE, "step-4 is newer", begin("", "step-2"));
}

static void a_damaged_checkpoint_is_not_resumed(void **state) {
    (void)state;
    assert_done(begin("--steps 100", NULL));
    commit(2);
    write_text("runs/one/checkpoints/step-2/image.safetensors", "weight");
    assert_refused(EXIT_DATA, "image.safetensors", begin("", "latest"));
}

// ---- a job that lost a process

// The lock as coca-run has it, and hands it on: as stdin.
static int stdin_before;
static void hold_lock(void) {
    int lock = open("runs/one/lock", O_RDWR | O_CLOEXEC);
    assert_done(flock(lock, LOCK_EX | LOCK_NB));
    stdin_before = dup(STDIN_FILENO);
    dup2(lock, STDIN_FILENO);
    close(lock);
}
static void let_lock_go(void) {
    dup2(stdin_before, STDIN_FILENO);
    close(stdin_before);
}

static void a_lost_job_goes_on_under_its_lock_and_id(void **state) {
    (void)state;
    assert_done(begin("--steps 100", NULL));
    assert_int_equal(typed.start.generation, 0);
    commit(2);
    assert_refused(EXIT_USAGE, "is not what stdin is", begin("", "again"));
    hold_lock();
    assert_refused(EXIT_USAGE, "in use", begin("", "latest"));
    assert_done(begin("", "again"));
    let_lock_go();
    assert_string_equal(typed.start.id, "an-id");
    assert_int_equal(typed.start.generation, 1);
    assert_string_equal(typed.start.checkpoint, "checkpoints/step-2");
    assert_done(begin("", "latest"));
    assert_int_equal(typed.start.generation, 2);
}

static void without_a_checkpoint_it_begins_anew(void **state) {
    (void)state;
    assert_done(begin("--steps 100", NULL));
    write_text("runs/one/metrics.jsonl", "{\"step\": 0}\n{\"step\": 1}\n");
    hold_lock();
    assert_done(begin("", "again"));
    let_lock_go();
    assert_string_equal(typed.start.checkpoint, "");
    assert_lines("runs/one/metrics.jsonl", 0);
}

static void damage_makes_it_go_back_further(void **state) {
    (void)state;
    assert_done(begin("--steps 100", NULL));
    commit(2);
    commit(4);
    commit(6);
    write_text("runs/one/checkpoints/step-4/image.safetensors", "weight");
    assert_done(unlink("runs/one/checkpoints/step-6/manifest.json"));
    hold_lock();
    assert_done(begin("", "again"));
    let_lock_go();
    assert_string_equal(typed.start.checkpoint, "checkpoints/step-2");
    assert_true(directory_exists("runs/one/checkpoints/damaged-step-4"));
    assert_true(directory_exists("runs/one/checkpoints/damaged-step-6"));
}

#define IN_MEMORY "--steps 100 --checkpoint-memory 1 --checkpoint-memory-dir memory"

static void the_newest_of_disk_and_memory_counts(void **state) {
    (void)state;
    assert_done(begin(IN_MEMORY, NULL));
    assert_true(directory_exists("memory/cocaflow-an-id"));
    commit(2);
    assert_done(begin("", "latest"));
    assert_string_equal(typed.start.checkpoint, "checkpoints/step-2");
    commit_in(CHECKPOINTS_MEMORY, 3);
    assert_done(directory_make("memory/cocaflow-an-id/.step-4"));
    assert_done(begin("", "latest"));
    assert_string_equal(typed.start.checkpoint, "checkpoints/memory/step-3");
    assert_false(directory_exists("memory/cocaflow-an-id/.step-4"));
    assert_refused(EXIT_USAGE, "step-3 is newer", begin("", "step-2"));
    assert_done(begin("", "step-3"));
    assert_string_equal(typed.start.checkpoint, "checkpoints/memory/step-3");
    assert_done(checkpoint_memory_close("runs/one"));
    assert_false(directory_exists("memory/cocaflow-an-id"));
    assert_true(directory_exists("memory"));
    assert_done(begin("", "latest")); // as after the host was started again
    assert_string_equal(typed.start.checkpoint, "checkpoints/step-2");
    assert_true(directory_exists("runs/one/checkpoints/memory"));
}

static void an_incident_is_told_of_when_it_is_made_good(void **state) {
    (void)state;
    const struct incident incident = {.lost = "image-encode", .how = "signal 9", .pid = 7, .ago = 2, .restarts = 1};
    assert_done(begin("--steps 100", NULL));
    commit(2);
    write_text("runs/one/metrics.jsonl", "{\"step\": 0}\n{\"step\": 1}\n{\"step\": 2}\n{\"step\": 3}\n{\"st");
    assert_done(incident_add("runs/one", &incident));
    assert_done(begin("", "latest"));
    assert_done(chdir("runs/one"));
    struct incidents *incidents = incidents_open();
    assert_non_null(incidents);
    assert_done(incidents_reached(incidents, 3, false));
    assert_false(file_exists("incidents.jsonl"));
    assert_done(incidents_reached(incidents, 4, false));
    incidents_free(&incidents);
    assert_false(file_exists("incident.json"));
    json_t *line = json_read("incidents.jsonl", 1 << 20);
    assert_int_equal(json_integer_value(json_object_get(line, "generation")), 1);
    assert_int_equal(json_integer_value(json_object_get(line, "reached")), 4);
    assert_int_equal(json_integer_value(json_object_get(line, "back")), 2);
    assert_true(json_number_value(json_object_get(line, "up")) >= 2);
    assert_true(json_number_value(json_object_get(line, "regained")) >= json_number_value(json_object_get(line, "up")));
    json_decref(line);
    assert_null(incidents_open());
}

static void identity_must_stay(void **state) {
    (void)state;
    static const char *const changes[] = {
        "--batch-size 64", "--seed 3",  "--precision bf16",  "--optimizer adafactor",
        "--threads 1,1",   "--lr 0.02", "--contrastive sum", "--contrastive-loss sigmoid"};
    assert_done(begin("--steps 100 --threads 2,2", NULL));
    commit(2);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        assert_refused(EXIT_USAGE, "resumes only with the same", begin(changes[i], "latest"));
    assert_done(begin("--batch-size 128 --threads 2,2", "latest"));
}

// Of a run that was made before an option existed, it has its default.
static void what_a_run_does_not_say_is_the_default(void **state) {
    (void)state;
    assert_done(begin("--steps 100", NULL));
    commit(2);
    json_t *saved = json_read("runs/one/run.json", 1 << 20);
    assert_int_equal(json_object_del(json_object_get(saved, "options"), "shuffle"), 0);
    assert_int_equal(json_dump_file(saved, "runs/one/run.json", 0), 0);
    json_decref(saved);
    assert_refused(EXIT_USAGE, "--shuffle is \"blocks:4\" and was \"global\"", begin("--shuffle blocks:4", "latest"));
    assert_done(begin("--shuffle global", "latest"));
}

// Who takes the run's model up later is told of its loss by the file alone.
static void the_sigmoid_loss_stands_in_the_model(void **state) {
    (void)state;
    assert_done(begin("--steps 100 --contrastive-loss sigmoid", NULL));
    json_t *model = json_read("runs/one/model.json", 1 << 20);
    assert_true(json_number_value(json_object_get(model, "init_logit_bias")) == -10);
    json_decref(model);
}

static void the_contrastive_loss_is_the_models_or_the_one_asked_for(void **state) {
    (void)state;
    static const struct {
        const char *words;
        bool bias;
        enum contrastive_kind kind;
    } row[] = {
        {"", false, CONTRASTIVE_SOFTMAX},
        {"", true, CONTRASTIVE_SIGMOID},
        {"--contrastive-loss softmax", true, CONTRASTIVE_SOFTMAX},
        {"--contrastive-loss sigmoid", true, CONTRASTIVE_SIGMOID},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        assert_done(type_options(row[i].words));
        assert_int_equal(run_contrastive_kind(&typed, &(struct model_config){.logit_bias = row[i].bias}), row[i].kind);
    }
}

static void other_differences_are_noted(void **state) {
    (void)state;
    assert_done(begin("--steps 100", NULL));
    commit(2);
    listen_in();
    int status = begin("--steps 200 --workers 7", "latest");
    const char *said = heard();
    assert_int_equal(status, 0);
    assert_has(said, "--steps is 200 and was 100");
    assert_has(said, "--workers is 7 and was 2");
    assert_int_equal(typed.options.steps, 200);
}

static void another_kind_of_length_takes_the_place_of_the_first(void **state) {
    (void)state;
    assert_done(begin("--steps 100", NULL));
    commit(2);
    listen_in();
    int status = begin("--seconds 60", "latest");
    heard();
    assert_int_equal(status, 0);
    assert_int_equal(typed.options.steps, 0);
    assert_done(run_check_length(&typed));
}

static void changed_data_are_refused(void **state) {
    (void)state;
    assert_done(begin("--steps 100", NULL));
    commit(2);
    assert_refused(EXIT_USAGE, "the data changed", prepare("", "latest", versions_of("e")));
}

static void another_version_of_the_code_is_noted(void **state) {
    (void)state;
    assert_done(begin("--steps 100", NULL));
    commit(2);
    json_t *versions = versions_of("d");
    json_object_set_new(versions, "code", json_string("2"));
    listen_in();
    int status = prepare("", "latest", versions);
    assert_has(heard(), "begun by version 1");
    assert_int_equal(status, 0);
}

static void paths_become_absolute(void **state) {
    (void)state;
    char here[256];
    assert_non_null(getcwd(here, sizeof here));
    assert_done(type_options("--model coca_tiny --train-data a::/b::c/d --images file:x --tokens ipc://y --dump z"));
    run_make_absolute(&typed);
    char *data = xformat("%s/a::/b::%s/c/d", here, here), *images = xformat("file:%s/x", here),
         *dump = xformat("%s/z", here), *model = xformat("%s/m.json", here);
    assert_string_equal(typed.options.model, "coca_tiny");
    assert_string_equal(typed.options.train_data, data);
    assert_string_equal(typed.options.images, images);
    assert_string_equal(typed.options.tokens, "ipc://y");
    assert_string_equal(typed.options.dump, dump);
    assert_done(type_options("--model m.json"));
    run_make_absolute(&typed);
    assert_string_equal(typed.options.model, model);
    free(data);
    free(images);
    free(dump);
    free(model);
}

static void options_that_contradict_are_refused(void **state) {
    (void)state;
    assert_done(type_options("--batch-size 10 --microbatch 4"));
    assert_refused(EXIT_USAGE, "no multiple", run_check_batch(&typed));
    assert_done(type_options("--steps 3 --epochs 2"));
    assert_refused(EXIT_USAGE, "several were given", run_check_length(&typed));
    assert_done(type_options(""));
    assert_refused(EXIT_USAGE, "none was given", run_check_length(&typed));
    assert_done(type_options("--seconds 60 --warmup 10"));
    assert_refused(EXIT_USAGE, "share of the time", run_check(&typed));
    static const char *const threads[] = {"-1", "2,", ",2", "", "x", "4097", "99999999999,1", "2 ,2"};
    struct run other = {.options = {.threads = (char *)"0,4096,3", .replicas = (char *)"1", .microbatch = 1}};
    assert_done(run_check(&other));
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        other.options.threads = (char *)threads[i];
        assert_refused(EXIT_USAGE, "--threads", run_check(&other));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_RUNS(a_new_run_is_made),
        IN_RUNS(an_existing_run_names_two_remedies),
        IN_RUNS(a_name_that_is_no_folder_is_refused),
        IN_RUNS(nobody_else_listens_whatever_the_umask_is),
        IN_RUNS(latest_without_a_run_starts_anew),
        IN_RUNS(latest_without_a_checkpoint_starts_anew),
        IN_RUNS(a_checkpoint_without_a_run_is_refused),
        IN_RUNS(resuming_cuts_back_and_takes_the_options),
        IN_RUNS(a_checkpoint_may_be_named),
        IN_RUNS(an_older_checkpoint_does_not_overtake),
        IN_RUNS(a_damaged_checkpoint_is_not_resumed),
        IN_RUNS(a_lost_job_goes_on_under_its_lock_and_id),
        IN_RUNS(without_a_checkpoint_it_begins_anew),
        IN_RUNS(damage_makes_it_go_back_further),
        IN_RUNS(the_newest_of_disk_and_memory_counts),
        IN_RUNS(an_incident_is_told_of_when_it_is_made_good),
        IN_RUNS(identity_must_stay),
        IN_RUNS(what_a_run_does_not_say_is_the_default),
        IN_RUNS(the_sigmoid_loss_stands_in_the_model),
        IN_RUNS(the_contrastive_loss_is_the_models_or_the_one_asked_for),
        IN_RUNS(other_differences_are_noted),
        IN_RUNS(another_kind_of_length_takes_the_place_of_the_first),
        IN_RUNS(changed_data_are_refused),
        IN_RUNS(another_version_of_the_code_is_noted),
        IN_RUNS(paths_become_absolute),
        IN_RUNS(options_that_contradict_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
