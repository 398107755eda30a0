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
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "run/checkpoint_memory.h"
#include "run/incidents.h"
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
    if (json_equal(was, is)) return 0;
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

// The options that a run was made with: those that did not exist then had what is their default now.
static json_t *options_before(const json_t *saved) {
    struct run run;
    run_init(&run, NULL);
    struct option_table *const tables[] = {&run.table, NULL};
    options_defaults(tables);
    json_t *before = options_to_json(&run.table);
    json_object_update(before, (json_t *)saved);
    options_release(tables);
    return before;
}

// What was typed now against what the run was made with.
static int compare_options(const struct option_table *table, const json_t *saved) {
    json_t *typed = options_to_json(table), *before = options_before(saved);
    int status = 0;
    for (int i = 0; i < table->count && !status; i++) {
        const struct option *option = &table->option[i];
        if (!option->name || !table->given[i] || option->marks & OPTION_LOCAL) continue;
        status = compare_option(option, json_object_get(before, option->name), json_object_get(typed, option->name));
    }
    json_decref(typed);
    json_decref(before);
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

static char *folder_path(const struct run_directory *directory, const char *folder, int64_t step) {
    char *inside = checkpoint_path(folder, step), *path = file_in(directory, inside);
    free(inside);
    return path;
}

// The newest of one folder, if it is newer than the one that was found so far.
static int look_for_newer(struct run_directory *directory, const char *folder) {
    int64_t newest;
    char *path = file_in(directory, folder);
    int status = checkpoint_newest(path, &newest);
    free(path);
    if (status || newest <= directory->checkpoint) return status;
    directory->checkpoint = newest;
    directory->folder = folder;
    return 0;
}

static int find_newest(struct run_directory *directory) {
    directory->checkpoint = -1;
    int status = look_for_newer(directory, CHECKPOINTS);
    return status ? status : look_for_newer(directory, CHECKPOINTS_MEMORY);
}

static bool is_same_path(const char *given, const char *own) {
    char *one = realpath(given, NULL), *other = realpath(own, NULL);
    bool same = one && other && !strcmp(one, other);
    free(one);
    free(other);
    return same;
}

// The folder of step-N: the one that has it and, where a path is given, is meant by it.
static const char *folder_of(const struct run_directory *directory, const char *resume, int64_t step) {
    static const char *const folders[] = {CHECKPOINTS, CHECKPOINTS_MEMORY};
    const bool bare = path_base(resume) == resume;
    for (int i = 0; i < 2; i++) {
        char *own = folder_path(directory, folders[i], step);
        const bool meant = bare ? directory_exists(own) : is_same_path(resume, own);
        free(own);
        if (meant) return folders[i];
    }
    return bare ? CHECKPOINTS : NULL;
}

// "step-40", or a path that ends so and lies in this run; -EXIT_USAGE for what cannot be, or would overtake `newest`.
static int find_named(struct run_directory *directory, const char *resume) {
    int64_t step, newest = directory->checkpoint;
    int end = 0;
    const char *base = path_base(resume), *newest_folder = directory->folder;
    bool named = sscanf(base, "step-%" SCNd64 "%n", &step, &end) == 1 && !base[end] && step >= 0;
    directory->folder = named ? folder_of(directory, resume, step) : NULL;
    if (!directory->folder)
        return error(EXIT_USAGE, "--resume %s: no checkpoint of %s; say latest, or step-N", resume, directory->path);
    directory->checkpoint = step;
    if (newest <= step) return 0;
    return error(EXIT_USAGE, "--resume %s: step-%" PRId64 " is newer and would be overtaken; move it away from %s/%s",
                 resume, newest, directory->path, newest_folder);
}

static int verify(const struct run_directory *directory) {
    struct checkpoint checkpoint;
    char *path = folder_path(directory, directory->folder, directory->checkpoint);
    int status = checkpoint_read(&checkpoint, path);
    if (!status) status = checkpoint_verify(&checkpoint, path, "");
    free(path);
    return status;
}

// Nobody is there to be asked what is to become of a damaged one.
static int find_whole(struct run_directory *directory) {
    int status, damage = 0;
    while (!(status = find_newest(directory)) && directory->checkpoint >= 0 && (damage = verify(directory))) {
        char *folder = file_in(directory, directory->folder);
        warn("step-%" PRId64 " of %s is set aside, an older one is looked for", directory->checkpoint, folder);
        status = damage == -EXIT_DATA ? checkpoint_set_aside(folder, directory->checkpoint) : damage;
        free(folder);
        if (status) break;
    }
    return status;
}

static int find_checkpoint(struct run_directory *directory, const char *resume) {
    const bool latest = !strcmp(resume, "latest");
    int status = directory->again ? find_whole(directory) : find_newest(directory);
    if (!status && !latest) status = find_named(directory, resume);
    if (status) return status;
    if (directory->checkpoint >= 0) return directory->again ? 0 : verify(directory);
    note("--resume latest: %s has no checkpoint yet, starting anew", directory->path);
    return 0;
}

int run_directory_open(struct run_directory *directory, struct run *run, const struct run_place *place) {
    *directory = (struct run_directory){.run = run, .again = place->again, .checkpoint = -1, .lock = -1};
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

static int clean(const struct run_directory *directory, const char *name) {
    char *folder = file_in(directory, name);
    int status = checkpoint_clean(folder);
    free(folder);
    return status;
}

static int cut_logs(const struct run_directory *directory) {
    static const char *const logs[] = {"metrics.jsonl", "drops.jsonl"};
    int64_t steps = directory->checkpoint < 0 ? 0 : directory->checkpoint;
    int status = clean(directory, CHECKPOINTS);
    if (!status) status = clean(directory, CHECKPOINTS_MEMORY);
    for (size_t i = 0; i < sizeof logs / sizeof *logs && !status; i++) {
        char *log = file_in(directory, logs[i]);
        status = jsonl_cut(log, steps);
        free(log);
    }
    return status;
}

// Of the file, or of the caller's descriptor of it: who has the lock already may take it as often as he likes.
static int open_lock(const struct run_directory *directory, const char *file) {
    struct stat given, own;
    if (!directory->again) return open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fstat(STDIN_FILENO, &given) || stat(file, &own)) return -1;
    if (given.st_dev == own.st_dev && given.st_ino == own.st_ino) return dup(STDIN_FILENO);
    errno = EBADF;
    return -1;
}

// A job under way holds this lock (coca-run); what it reads and appends to is not to be touched then.
static int lock(struct run_directory *directory) {
    char *file = file_in(directory, "lock");
    int status = 0;
    directory->lock = open_lock(directory, file);
    if (directory->lock < 0)
        status = error(directory->again ? EXIT_USAGE : EXIT_RUN, "%s: %s: %s", file,
                       directory->again ? "is not what stdin is, with --again" : "cannot be made", strerror(errno));
    else if (flock(directory->lock, LOCK_EX | LOCK_NB))
        status =
            error(EXIT_USAGE, "%s is in use by another job: wait for it, or choose another --name", directory->path);
    free(file);
    return status;
}

// In the options this start has: those of before, changed by what was typed.
static int open_memory(const struct run_directory *directory) {
    const struct run *run = directory->run;
    if (!run->options.checkpoint_memory) return 0;
    return checkpoint_memory_open(directory->path, run->options.checkpoint_memory_dir, run->start.id);
}

// What was lost before is told from where the logs end now.
static int resume_incidents(const struct run_directory *directory) {
    char *metrics = file_in(directory, "metrics.jsonl");
    const int64_t back = directory->checkpoint < 0 ? 0 : directory->checkpoint, reached = jsonl_steps(metrics);
    free(metrics);
    return incidents_resume(directory->path, directory->run->start.generation, reached > back ? reached : back, back);
}

static int write_run_json(const struct run_directory *directory, const json_t *versions) {
    char *file = file_in(directory, RUN_JSON);
    int status = run_json_write(file, directory->run, versions);
    free(file);
    return status;
}

// How this start follows those of before.
static void fill_start(const struct run_directory *directory) {
    struct run_start *start = &directory->run->start;
    const json_t *before = json_object_get(directory->saved, "start"), *id = json_object_get(before, "id");
    start->generation = before ? json_integer_value(json_object_get(before, "generation")) + 1 : 0;
    if (directory->again && json_is_string(id)) snprintf(start->id, sizeof start->id, "%s", json_string_value(id));
    start->checkpoint[0] = 0;
    if (directory->checkpoint >= 0)
        snprintf(start->checkpoint, sizeof start->checkpoint, "%s/step-%" PRId64, directory->folder,
                 directory->checkpoint);
}

int run_directory_write(struct run_directory *directory, const json_t *versions, const struct run_sources *sources) {
    fill_start(directory);
    int status = make_folders(directory);
    if (!status) status = lock(directory);
    if (!status && !directory->resumes) status = copy_all(directory, sources);
    if (!status) status = resume_incidents(directory);
    if (!status) status = cut_logs(directory);
    if (!status) status = open_memory(directory);
    return status ? status : write_run_json(directory, versions);
}
