// Model, tokenizer, prompts and datasets of a run: found, checked against each other, and known by fingerprints, which
// run.json keeps so that a resumed run has the same. prepare.c calls it.
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "dataset/plan.h"
#include "dataset/store.h"
#include "prepare.h"
#include "run/pretrained.h"
#include "run/run_model.h"
#include "stage/stage.h"
#include "text/tokenizer.h"

static void set_hash(struct ingredients *found, const char *key, uint64_t hash) {
    json_object_set_new(found->versions, key, json_hash(hash));
}

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
    if (!status) status = run_model_config(run, found->model, &found->config);
    set_hash(found, "model", found->config.fingerprint);
    return status;
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

static int add_dataset(struct ingredients *found, json_t *list, const char *directory) {
    struct store *store;
    int status = store_open(&store, directory);
    if (status) return status;
    found->records += store_count(store);
    json_array_append_new(list, json_pack("{s:I, s:o}", "records", (json_int_t)store_count(store), "fingerprint",
                                          json_hash(store_fingerprint(store))));
    store_close(&store);
    return 0;
}

static int find_datasets(struct ingredients *found, const struct run_options *o) {
    json_t *list = json_array();
    struct strings directories = {0};
    int weight[PLAN_SOURCES], status = 0;
    json_object_set_new(found->versions, "data", list);
    text_split(&directories, o->train_data, "::");
    for (size_t i = 0; i < directories.count && !status; i++) status = add_dataset(found, list, directories.item[i]);
    strings_release(&directories);
    bool needed = !is_recorded(o->images) || !is_recorded(o->tokens);
    if (!status && needed && !o->train_data)
        return error(EXIT_USAGE, "--train-data DIR is needed, or both --images file:F and --tokens file:F");
    if (status || !o->train_data) return status;
    return plan_weights(o->train_data_weights, (int)json_array_size(list), weight);
}

int ingredients_find(struct ingredients *found, const struct run_directory *directory) {
    const struct run_options *o = &directory->run->options;
    *found = (struct ingredients){.versions = json_pack("{s:s}", "code", COCAFLOW_VERSION)};
    int status = find_pretrained(directory);
    if (!status) status = find_model(found, directory);
    if (!status) status = find_datasets(found, o);
    if (!status) status = find_tokenizer(found, directory);
    return status ? status : hash_prompts(found, o);
}

void ingredients_release(struct ingredients *found) {
    free(found->model);
    free(found->tokenizer);
    json_decref(found->versions);
    *found = (struct ingredients){0};
}
