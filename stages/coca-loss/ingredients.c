// Model, tokenizer, prompts and datasets of a run: found, checked against each other, and known by fingerprints, which
// run.json keeps so that a resumed run has the same. prepare.c calls it.
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "prepare.h"
#include "run/pretrained.h"
#include "run/run_model.h"
#include "stage/stage.h"
#include "text/prompt.h"
#include "text/tokenizer.h"
#include "worker/worker.h"

static void set_hash(struct ingredients *found, const char *key, uint64_t hash) {
    json_object_set_new(found->versions, key, json_hash(hash));
}

enum { FRAMES_OF_VIDEO = 16 }; // where --frames does not say

// The run's own copy of a file, when it is there and the option was not given anew.
static char *own_copy(const struct run_directory *directory, const char *name, const void *field) {
    bool own = directory->resumes && !option_given(&directory->run->table, field);
    char *path = own ? path_join(directory->path, name) : NULL;
    if (path && file_exists(path)) return path;
    free(path);
    return NULL;
}

// A run that goes on from its own checkpoint does not read it again.
static int find_pretrained(const struct run_directory *directory) {
    const char *path = directory->run->options.pretrained;
    if (!path) return 0;
    if (file_exists(path) || directory_exists(path))
        return directory->checkpoint < 0 ? pretrained_look_through(path) : 0;
    return error(EXIT_USAGE, "--pretrained %s: no such file or folder", path);
}

static int find_model(struct ingredients *found, const struct run_directory *directory) {
    const struct run *run = directory->run;
    const struct run_options *o = &run->options;
    bool from_weights = !option_given(&run->table, &o->model) && o->pretrained;
    int status = 0;
    found->model = own_copy(directory, "model.json", &o->model);
    if (!found->model) status = model_resolve(&found->model, from_weights ? NULL : o->model, o->pretrained);
    return status ? status : run_model_config(run, found->model, &found->config);
}

// ---- the head

static char *in_data(const struct run_options *o, const char *name) {
    struct strings directories = {0};
    if (!o->train_data) return NULL;
    text_split(&directories, o->train_data, "::");
    char *path = path_join(directories.item[0], name);
    strings_release(&directories);
    if (file_exists(path)) return path;
    free(path);
    return NULL;
}

// What is said, what came with the data, what came with the weights.
static char *find_labels(const struct run_directory *directory) {
    const struct run_options *o = &directory->run->options;
    char *path = own_copy(directory, PRETRAINED_LABELS, &o->head_labels);
    if (!path && o->head_labels) path = xstrdup(o->head_labels);
    if (!path) path = in_data(o, tasks[o->task].soft ? "answers.txt" : "classnames.txt");
    return path || !o->pretrained ? path : pretrained_labels(o->pretrained);
}

static int count_labels(const char *path, int *count) {
    struct strings names = {0};
    int status = names_read(&names, path);
    *count = (int)names.count;
    strings_release(&names);
    if (!status && *count < 2) status = error(EXIT_DATA, "%s: a head needs two labels or more, one a line", path);
    return status;
}

static struct head_config new_head(const struct run_options *o, const struct model_config *config, int classes) {
    const struct task *task = &tasks[o->task];
    const int frames = o->frames ? (int)o->frames : FRAMES_OF_VIDEO;
    return (struct head_config){.task = (enum task_kind)o->task,
                                .classes = classes,
                                .queries = (int)o->head_queries,
                                .heads = task->reads_text ? config->decoder.heads
                                                          : config->vision.width / config->vision.head_width,
                                .pictures = task->pictures ? task->pictures : frames};
}

// Without --task the run's model has no head, whatever its weights bring.
static int find_head(struct ingredients *found, const struct run_directory *directory) {
    const struct run_options *o = &directory->run->options;
    struct head_config head = {.task = TASK_NONE};
    uint64_t hash;
    int classes, status = 0;
    if (o->task != TASK_NONE) {
        found->labels = find_labels(directory);
        if (!found->labels)
            return error(EXIT_USAGE, "--head-labels FILE is needed: what the head tells apart, one a line");
        status = count_labels(found->labels, &classes);
        if (!status) status = hash_file(found->labels, &hash);
        if (status) return status;
        set_hash(found, "labels", hash);
        head = new_head(o, &found->config, classes);
    }
    found->other_head = memcmp(&head, &found->config.head, sizeof head);
    model_config_use_head(&found->config, &head);
    set_hash(found, "model", found->config.fingerprint);
    return 0;
}

static bool is_recorded(const char *address) {
    return address && text_begins(address, "file:");
}

static int check_tokenizer(struct ingredients *found) {
    const struct text_config *text = &found->config.text;
    struct tokenizer *tokenizer;
    int status = tokenizer_open(&tokenizer, found->tokenizer);
    if (status) return status;
    status =
        tokenizer_check(tokenizer, (struct tokenizer_ids){text->vocab_size, text->pad_id, text->bos_id, text->eos_id});
    set_hash(found, "tokenizer", tokenizer_fingerprint(tokenizer));
    tokenizer_close(&tokenizer);
    return status;
}

static int find_tokenizer(struct ingredients *found, const struct run_directory *directory) {
    const struct run_options *o = &directory->run->options;
    found->tokenizer = own_copy(directory, PRETRAINED_TOKENIZER, &o->tokenizer);
    if (!found->tokenizer && o->tokenizer) found->tokenizer = xstrdup(o->tokenizer);
    if (!found->tokenizer && o->pretrained) found->tokenizer = pretrained_tokenizer(o->pretrained);
    if (found->tokenizer) return check_tokenizer(found);
    return is_recorded(o->tokens) ? 0
                                  : error(EXIT_USAGE, "--tokenizer FILE is needed: a SentencePiece .model, or CLIP's");
}

static int hash_prompts(struct ingredients *found, const struct run_options *options) {
    uint64_t hash;
    if (!options->prompts) return 0;
    int status = hash_file(options->prompts, &hash);
    if (!status) set_hash(found, "prompts", hash);
    return status;
}

static void add_dataset(struct ingredients *found, json_t *list, const struct store *store) {
    found->records += store_count(store);
    json_array_append_new(list, json_pack("{s:I, s:o}", "records", (json_int_t)store_count(store), "fingerprint",
                                          json_hash(store_fingerprint(store))));
}

// A permutation of N sets neighbours N / 3 apart on average.
static void say_blocks(const struct store *store, int64_t window) {
    const int64_t *first;
    const int64_t parts = store_parts(store, &first), at_once = window < parts ? window : parts;
    const double records = (double)store_count(store) * (double)at_once / (double)parts;
    note(
        "%s: blocks of %lld of its %lld parts, %.0f records: neighbours of a part stand about %.0f of its samples apart",
        store_path(store), (long long)at_once, (long long)parts, records, records / 3);
}

// Opened as the workers will open them, so that what would stop them stops the run before it is made; but for the
// cache, a folder of their hosts.
static int open_datasets(struct ingredients *found, const struct run *run, json_t *list) {
    struct sources_options options;
    struct sources *sources;
    int status = worker_plan(&options, run);
    const struct remote_options remote = options.remote;
    options.remote.cache = NULL;
    options.expected_count = 0; // the versions are compared as a whole
    if (!status) status = sources_open(&sources, &options);
    if (status) return status;
    const int count = sources_datasets(sources);
    for (int j = 0; j < count; j++) {
        add_dataset(found, list, sources_dataset(sources, j));
        if (options.window) say_blocks(sources_dataset(sources, j), options.window);
    }
    status = sources_check_cache(sources, &remote);
    sources_close(&sources);
    return status;
}

// The edge of a stage of the run that workers serve, since no recording does, or NULL.
static const char *served_edge(const struct run *run) {
    const struct topology topology = topology_of(run);
    for (int i = 0; i < topology.count; i++) {
        const struct stage_row *row = topology.stage[i].row;
        for (int k = 0; k < row->edge_count; k++)
            if (row->edges[k].manner == EDGE_PULL && !is_recorded(run_address(run, row->edges[k].name)))
                return row->edges[k].name;
    }
    return NULL;
}

static int find_datasets(struct ingredients *found, const struct run *run) {
    const struct run_options *o = &run->options;
    json_t *list = json_array();
    const char *served = served_edge(run);
    json_object_set_new(found->versions, "data", list);
    if (o->train_data) return open_datasets(found, run, list);
    if (!served) return 0;
    return error(EXIT_USAGE, "--train-data DIR is needed, or recorded edges: --%s file:F is missing", served);
}

static bool reads_texts(const struct run *run) {
    const struct topology topology = topology_of(run);
    return topology_ranks(&topology, ROLE_TEXT) > 0;
}

int ingredients_find(struct ingredients *found, const struct run_directory *directory) {
    const struct run_options *o = &directory->run->options;
    *found = (struct ingredients){.versions = json_pack("{s:s}", "code", COCAFLOW_VERSION)};
    int status = find_pretrained(directory);
    if (!status) status = find_model(found, directory);
    if (!status) status = find_head(found, directory);
    if (!status) status = find_datasets(found, directory->run);
    if (!status && reads_texts(directory->run)) status = find_tokenizer(found, directory);
    return status ? status : hash_prompts(found, o);
}

void ingredients_release(struct ingredients *found) {
    free(found->model);
    free(found->tokenizer);
    free(found->labels);
    json_decref(found->versions);
    *found = (struct ingredients){0};
}
