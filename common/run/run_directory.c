#include "run/run_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "run/checkpoint.h"
#include "run/metrics.h"
#include "run/pretrained.h"
#include "run/run_options.h"

#define RUN_JSON "run.json"
#define RUN_JSON_LIMIT (1 << 20)

static char *file_in(const struct run_directory *run, const char *name) {
    return path_join(run->path, name);
}

// ---- finding a run

static int find_run(struct run_directory *run, const struct run_place *place) {
    if (!place->name || !*place->name || strchr(place->name, '/'))
        return error(EXIT_USAGE, "--name NAME is needed: a folder of %s for this run, without '/'", place->runs);
    int status = directory_make(place->runs);
    char *runs = status ? NULL : realpath(place->runs, NULL);
    if (!runs) return status ? status : error(EXIT_RUN, "--runs %s cannot be read", place->runs);
    run->path = path_join(runs, place->name);
    free(runs);
    return 0;
}

static int check_wish(struct run_directory *run, const struct run_place *place) {
    char *file = file_in(run, RUN_JSON);
    run->resumes = file_exists(file);
    free(file);
    if (run->resumes && !place->resume)
        return error(EXIT_USAGE,
                     "%s holds a run: go on with it by --resume latest, or begin another with another --name",
                     run->path);
    if (run->resumes || !place->resume) return 0;
    if (strcmp(place->resume, "latest"))
        return error(EXIT_USAGE, "--resume %s: no run in %s; to start from the weights of another run use --pretrained",
                     place->resume, run->path);
    note("--resume latest: no run in %s, starting anew", run->path);
    return 0;
}

// ---- its options

static void clear_other_lengths(void) {
    int64_t *count[] = {&run_options.steps, &run_options.epochs};
    bool seconds_given = option_given(&run_options_table, &run_options.seconds);
    bool given = seconds_given;
    for (int i = 0; i < 2; i++) given |= option_given(&run_options_table, count[i]);
    if (!given) return;
    if (!seconds_given) run_options.seconds = 0;
    for (int i = 0; i < 2; i++)
        if (!option_given(&run_options_table, count[i])) *count[i] = 0;
}

static int compare_option(const struct option *option, const json_t *was, const json_t *is) {
    if (!was || json_equal(was, is)) return 0;
    char *before = json_dumps(was, JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
    char *after = json_dumps(is, JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
    int status = 0;
    if (option->marks & OPTION_IDENTITY)
        status = error(EXIT_USAGE,
                       "--%s is %s and was %s: a run resumes only with the same; leave the option out, or "
                       "begin another run with another --name",
                       option->name, after, before);
    else
        note("--%s is %s and was %s", option->name, after, before);
    free(before);
    free(after);
    return status;
}

// What was typed now against what the run was made with.
static int compare_options(const json_t *saved) {
    json_t *typed = options_to_json(&run_options_table);
    int status = 0;
    for (int i = 0; i < run_options_table.count && !status; i++) {
        const struct option *option = &run_options_table.option[i];
        if (!option->name || !run_options_table.given[i] || option->marks & OPTION_LOCAL) continue;
        status = compare_option(option, json_object_get(saved, option->name), json_object_get(typed, option->name));
    }
    json_decref(typed);
    return status;
}

static int take_options(struct run_directory *run) {
    char *file = file_in(run, RUN_JSON);
    run->saved = json_read(file, RUN_JSON_LIMIT);
    const json_t *options = json_object_get(run->saved, "options");
    int status = run->saved ? 0 : -EXIT_DATA;
    if (run->saved && !options) status = error(EXIT_DATA, "%s: no \"options\"", file);
    if (!status) status = compare_options(options);
    if (!status) status = options_from_json(&run_options_table, options, file);
    if (!status) clear_other_lengths();
    free(file);
    return status;
}

// ---- its checkpoint

// The step of "latest", "step-40", or a path that ends so and lies in this run; −1 for none, −2 for what cannot be.
static int64_t wanted_step(const struct run_directory *run, const char *resume, int64_t newest) {
    if (!strcmp(resume, "latest")) return newest;
    int64_t step;
    int end = 0;
    if (sscanf(path_base(resume), "step-%" SCNd64 "%n", &step, &end) != 1 || path_base(resume)[end] || step < 0)
        return -2;
    if (path_base(resume) == resume) return step;
    char *given = realpath(resume, NULL), *own = checkpoint_path(run->path, step), *actual = realpath(own, NULL);
    bool same = given && actual && !strcmp(given, actual);
    free(given);
    free(own);
    free(actual);
    return same ? step : -2;
}

static int verify(const char *path) {
    struct checkpoint checkpoint;
    int status = checkpoint_read(&checkpoint, path);
    return status ? status : checkpoint_verify(&checkpoint, path, "");
}

static int find_checkpoint(struct run_directory *run, const char *resume) {
    int64_t newest;
    int status = checkpoint_newest(run->path, &newest);
    if (status) return status;
    run->checkpoint = wanted_step(run, resume, newest);
    if (run->checkpoint == -2)
        return error(EXIT_USAGE, "--resume %s: no checkpoint of %s; say latest, or step-N", resume, run->path);
    if (run->checkpoint < 0) {
        note("--resume latest: %s has no checkpoint yet, starting anew", run->path);
        return 0;
    }
    if (newest > run->checkpoint)
        return error(EXIT_USAGE,
                     "--resume %s: step-%" PRId64 " is newer and would be overtaken; move it away from %s/checkpoints",
                     resume, newest, run->path);
    char *path = checkpoint_path(run->path, run->checkpoint);
    status = verify(path);
    free(path);
    return status;
}

int run_directory_open(struct run_directory *run, const struct run_place *place) {
    *run = (struct run_directory){.checkpoint = -1, .lock = -1};
    int status = find_run(run, place);
    if (!status) status = check_wish(run, place);
    if (status || !run->resumes) return status;
    status = take_options(run);
    return status ? status : find_checkpoint(run, place->resume);
}

void run_directory_close(struct run_directory *run) {
    if (run->lock >= 0) close(run->lock);
    json_decref(run->saved);
    free(run->path);
    *run = (struct run_directory){0};
}

// ---- what it is made of

static int compare_version(const struct run_directory *run, const char *key, const json_t *was, const json_t *is) {
    if (!was || json_equal(was, is)) return 0;
    if (!strcmp(key, "code")) {
        note("the run was begun by version %s, this is %s", json_string_value(was), json_string_value(is));
        return 0;
    }
    return error(
        EXIT_USAGE,
        "%s: the %s changed since the run was made (its fingerprint in run.json differs); resume with the same, "
        "or begin another run with another --name",
        run->path, key);
}

int run_directory_compare(const struct run_directory *run, const json_t *versions) {
    const json_t *saved = json_object_get(run->saved, "versions");
    const char *key;
    json_t *value;
    int status = 0;
    json_object_foreach((json_t *)versions, key, value) if (!status) status =
        compare_version(run, key, json_object_get(saved, key), value);
    return status;
}

// ---- making it

static int make_folders(const struct run_directory *run) {
    static const char *const folders[] = {"sockets", "log", "checkpoints"};
    int status = 0;
    for (size_t i = 0; i < sizeof folders / sizeof *folders && !status; i++) {
        char *folder = file_in(run, folders[i]);
        status = directory_make(folder);
        free(folder);
    }
    return status;
}

static int copy_source(const struct run_directory *run, const char *from, const char *name) {
    char *to = file_in(run, name);
    int status = from ? file_copy(from, to) : 0;
    free(to);
    return status;
}

static int copy_tokenizer(const struct run_directory *run, const char *from) {
    char *to = file_in(run, PRETRAINED_TOKENIZER);
    int status = from ? pretrained_copy_tokenizer(from, to) : 0;
    free(to);
    return status;
}

static int cut_logs(const struct run_directory *run) {
    static const char *const logs[] = {"metrics.jsonl", "drops.jsonl"};
    int64_t steps = run->checkpoint < 0 ? 0 : run->checkpoint;
    int status = checkpoint_clean(run->path);
    for (size_t i = 0; i < sizeof logs / sizeof *logs && !status; i++) {
        char *log = file_in(run, logs[i]);
        status = jsonl_cut(log, steps);
        free(log);
    }
    return status;
}

static int write_run_json(const struct run_directory *run, const struct run_start *start, const json_t *versions) {
    char *file = file_in(run, RUN_JSON);
    json_t *document = json_pack("{s:o, s:O, s:o}", "options", options_to_json(&run_options_table), "versions",
                                 (json_t *)versions, "start", run_start_to_json(start));
    int status = json_write(file, document);
    json_decref(document);
    free(file);
    return status;
}

// A job under way holds this lock (pipelines/lib/supervise.sh); what it reads and appends to is not to be touched then.
static int lock(struct run_directory *run) {
    char *file = file_in(run, "lock");
    int status = 0;
    run->lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (run->lock < 0)
        status = error(EXIT_RUN, "%s: cannot be made: %s", file, strerror(errno));
    else if (flock(run->lock, LOCK_EX | LOCK_NB))
        status = error(EXIT_USAGE, "%s is in use by another job: wait for it, or choose another --name", run->path);
    free(file);
    return status;
}

int run_directory_write(struct run_directory *run, struct run_start *start, const json_t *versions,
                        const struct run_sources *sources) {
    start->checkpoint[0] = 0;
    if (run->checkpoint >= 0)
        snprintf(start->checkpoint, sizeof start->checkpoint, "checkpoints/step-%" PRId64, run->checkpoint);
    int status = make_folders(run);
    if (!status) status = lock(run);
    if (!status && !run->resumes) status = copy_source(run, sources->model, "model.json");
    if (!status && !run->resumes) status = copy_tokenizer(run, sources->tokenizer);
    if (!status) status = cut_logs(run);
    return status ? status : write_run_json(run, start, versions);
}
