// A run directory before any stage starts, as coca-loss --prepare makes or reopens it: whether a run may begin or go on
// there, with which options, and from which checkpoint. It knows no data and no model; prepare hands their fingerprints
// in.
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
#include "base/text.h"
#include "run/checkpoint.h"
#include "run/metrics.h"
#include "run/pretrained.h"
#include "run/run_json.h"
#include "run/run_model.h"

static char *file_in(const struct run_directory *directory, const char *name) {
    return path_join(directory->path, name);
}

// ---- finding a run

static int find_run(struct run_directory *directory, const struct run_place *place) {
    const char *name = place->name;
    if (!name || !*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, "..") || !text_is_plain(name))
        return error(EXIT_USAGE,
                     "--name NAME is needed: a folder of %s for this run, without '/' and control characters",
                     place->runs);
    if (!text_is_plain(place->runs)) return error(EXIT_USAGE, "--runs: a folder's name has a control character");
    int status = directory_make(place->runs);
    char *runs = status ? NULL : realpath(place->runs, NULL);
    if (!runs) return status ? status : error(EXIT_RUN, "--runs %s cannot be read", place->runs);
    directory->path = path_join(runs, name);
    free(runs);
    return 0;
}

static int check_wish(struct run_directory *directory, const struct run_place *place) {
    char *file = file_in(directory, RUN_JSON);
    directory->resumes = file_exists(file);
    free(file);
    if (directory->resumes && !place->resume)
        return error(EXIT_USAGE,
                     "%s holds a run: go on with it by --resume latest, or begin another with another --name",
                     directory->path);
    if (directory->resumes || !place->resume) return 0;
    if (strcmp(place->resume, "latest"))
        return error(EXIT_USAGE, "--resume %s: no run in %s; to start from the weights of another run use --pretrained",
                     place->resume, directory->path);
    note("--resume latest: no run in %s, starting anew", directory->path);
    return 0;
}

// ---- its options

static void clear_other_lengths(struct run *run) {
    struct run_options *o = &run->options;
    int64_t *count[] = {&o->steps, &o->epochs};
    bool seconds_given = option_given(&run->table, &o->seconds);
    bool given = seconds_given;
    for (int i = 0; i < 2; i++) given |= option_given(&run->table, count[i]);
    if (!given) return;
    if (!seconds_given) o->seconds = 0;
    if (seconds_given && !option_given(&run->table, &o->max_seconds)) o->max_seconds = 0;
    for (int i = 0; i < 2; i++)
        if (!option_given(&run->table, count[i])) *count[i] = 0;
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
static int compare_options(const struct option_table *table, const json_t *saved) {
    json_t *typed = options_to_json(table);
    int status = 0;
    for (int i = 0; i < table->count && !status; i++) {
        const struct option *option = &table->option[i];
        if (!option->name || !table->given[i] || option->marks & OPTION_LOCAL) continue;
        status = compare_option(option, json_object_get(saved, option->name), json_object_get(typed, option->name));
    }
    json_decref(typed);
    return status;
}

static int take_options(struct run_directory *directory) {
    struct run *run = directory->run;
    char *file = file_in(directory, RUN_JSON);
    directory->saved = run_json_open(file);
    int status = directory->saved ? 0 : -EXIT_DATA;
    if (!status) status = compare_options(&run->table, json_object_get(directory->saved, "options"));
    if (!status) status = run_json_options(run, directory->saved, file);
    if (!status) clear_other_lengths(run);
    free(file);
    return status;
}

// ---- its checkpoint

// The step of "latest", "step-40", or a path that ends so and lies in this run; −1 for none, −2 for what cannot be.
static int64_t wanted_step(const struct run_directory *directory, const char *resume, int64_t newest) {
    if (!strcmp(resume, "latest")) return newest;
    int64_t step;
    int end = 0;
    if (sscanf(path_base(resume), "step-%" SCNd64 "%n", &step, &end) != 1 || path_base(resume)[end] || step < 0)
        return -2;
    if (path_base(resume) == resume) return step;
    char *given = realpath(resume, NULL), *own = checkpoint_path(directory->path, step), *actual = realpath(own, NULL);
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

static int find_checkpoint(struct run_directory *directory, const char *resume) {
    int64_t newest;
    int status = checkpoint_newest(directory->path, &newest);
    if (status) return status;
    directory->checkpoint = wanted_step(directory, resume, newest);
    if (directory->checkpoint == -2)
        return error(EXIT_USAGE, "--resume %s: no checkpoint of %s; say latest, or step-N", resume, directory->path);
    if (directory->checkpoint < 0) {
        note("--resume latest: %s has no checkpoint yet, starting anew", directory->path);
        return 0;
    }
    if (newest > directory->checkpoint)
        return error(EXIT_USAGE,
                     "--resume %s: step-%" PRId64 " is newer and would be overtaken; move it away from %s/checkpoints",
                     resume, newest, directory->path);
    char *path = checkpoint_path(directory->path, directory->checkpoint);
    status = verify(path);
    free(path);
    return status;
}

int run_directory_open(struct run_directory *directory, struct run *run, const struct run_place *place) {
    *directory = (struct run_directory){.run = run, .checkpoint = -1, .lock = -1};
    int status = find_run(directory, place);
    if (!status) status = check_wish(directory, place);
    if (status || !directory->resumes) return status;
    status = take_options(directory);
    return status ? status : find_checkpoint(directory, place->resume);
}

void run_directory_close(struct run_directory *directory) {
    if (directory->lock >= 0) close(directory->lock);
    json_decref(directory->saved);
    free(directory->path);
    *directory = (struct run_directory){0};
}

// ---- what it is made of

static int compare_version(const struct run_directory *directory, const char *key, const json_t *was,
                           const json_t *is) {
    if (!was || json_equal(was, is)) return 0;
    if (!strcmp(key, "code")) {
        note("the run was begun by version %s, this is %s", json_string_value(was), json_string_value(is));
        return 0;
    }
    return error(
        EXIT_USAGE,
        "%s: the %s changed since the run was made (its fingerprint in run.json differs); resume with the same, "
        "or begin another run with another --name",
        directory->path, key);
}

int run_directory_compare(const struct run_directory *directory, const json_t *versions) {
    const json_t *saved = json_object_get(directory->saved, "versions");
    const char *key;
    json_t *value;
    int status = 0;
    json_object_foreach((json_t *)versions, key, value) if (!status) status =
        compare_version(directory, key, json_object_get(saved, key), value);
    return status;
}

// ---- making it

static int make_folders(const struct run_directory *directory) {
    char *sockets = file_in(directory, "sockets"), *log = file_in(directory, "log"),
         *checkpoints = file_in(directory, "checkpoints");
    int status = directory_make(log);
    if (!status) status = directory_make(checkpoints);
    if (!status) status = directory_make_private(sockets);
    free(sockets);
    free(log);
    free(checkpoints);
    return status;
}

static int copy_model(const struct run_directory *directory, const struct run_sources *sources) {
    char *to = file_in(directory, "model.json");
    int status = run_model_copy(directory->run, sources->model, sources->head, to);
    free(to);
    return status;
}

static int copy_tokenizer(const struct run_directory *directory, const char *from) {
    char *to = file_in(directory, PRETRAINED_TOKENIZER);
    int status = from ? pretrained_copy_tokenizer(from, to) : 0;
    free(to);
    return status;
}

static int copy_labels(const struct run_directory *directory, const char *from) {
    char *to = file_in(directory, PRETRAINED_LABELS);
    int status = from ? file_copy(from, to) : 0;
    free(to);
    return status;
}

static int copy_all(const struct run_directory *directory, const struct run_sources *sources) {
    int status = copy_model(directory, sources);
    if (!status) status = copy_tokenizer(directory, sources->tokenizer);
    return status ? status : copy_labels(directory, sources->labels);
}

static int cut_logs(const struct run_directory *directory) {
    static const char *const logs[] = {"metrics.jsonl", "drops.jsonl"};
    int64_t steps = directory->checkpoint < 0 ? 0 : directory->checkpoint;
    int status = checkpoint_clean(directory->path);
    for (size_t i = 0; i < sizeof logs / sizeof *logs && !status; i++) {
        char *log = file_in(directory, logs[i]);
        status = jsonl_cut(log, steps);
        free(log);
    }
    return status;
}

// A job under way holds this lock (coca-run); what it reads and appends to is not to be touched then.
static int lock(struct run_directory *directory) {
    char *file = file_in(directory, "lock");
    int status = 0;
    directory->lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (directory->lock < 0)
        status = error(EXIT_RUN, "%s: cannot be made: %s", file, strerror(errno));
    else if (flock(directory->lock, LOCK_EX | LOCK_NB))
        status =
            error(EXIT_USAGE, "%s is in use by another job: wait for it, or choose another --name", directory->path);
    free(file);
    return status;
}

static int write_run_json(const struct run_directory *directory, const json_t *versions) {
    char *file = file_in(directory, RUN_JSON);
    int status = run_json_write(file, directory->run, versions);
    free(file);
    return status;
}

int run_directory_write(struct run_directory *directory, const json_t *versions, const struct run_sources *sources) {
    struct run_start *start = &directory->run->start;
    start->checkpoint[0] = 0;
    if (directory->checkpoint >= 0)
        snprintf(start->checkpoint, sizeof start->checkpoint, "checkpoints/step-%" PRId64, directory->checkpoint);
    int status = make_folders(directory);
    if (!status) status = lock(directory);
    if (!status && !directory->resumes) status = copy_all(directory, sources);
    if (!status) status = cut_logs(directory);
    return status ? status : write_run_json(directory, versions);
}
