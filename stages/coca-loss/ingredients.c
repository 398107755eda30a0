// Model, tokenizer, prompts and datasets of a run: found, checked against each other, and known by fingerprints.
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "dataset/plan.h"
#include "dataset/store.h"
#include "prepare.h"
#include "run/pretrained.h"
#include "run/run_options.h"
#include "stage/stage.h"
#include "text/tokenizer.h"

static json_t *hash_json(uint64_t hash) {
    char text[HASH_TEXT_SIZE];
    hash_format(text, hash);
    return json_string(text);
}

static void set_hash(struct ingredients *found, const char *key, uint64_t hash) {
    json_object_set_new(found->versions, key, hash_json(hash));
}

// The run's own copy of a file, when it is there and the option was not given anew.
static char *own_copy(const struct run_directory *run, const char *name, const void *field) {
    char *path = run->resumes && !option_given(&run_options_table, field) ? path_join(run->path, name) : NULL;
    if (path && file_exists(path)) return path;
    free(path);
    return NULL;
}

static int find_pretrained(void) {
    const char *path = run_options.pretrained;
    if (!path || file_exists(path) || directory_exists(path)) return 0;
    return error(EXIT_USAGE, "--pretrained %s: no such file or folder", path);
}

static int find_model(struct ingredients *found, const struct run_directory *run) {
    bool from_weights = !option_given(&run_options_table, &run_options.model) && run_options.pretrained;
    int status = 0;
    found->model = own_copy(run, "model.json", &run_options.model);
    if (!found->model)
        status = model_resolve(&found->model, from_weights ? NULL : run_options.model, run_options.pretrained);
    if (!status) status = model_config_read(&found->config, found->model);
    set_hash(found, "model", found->config.fingerprint);
    return status;
}

static bool is_recorded(const char *address) {
    return address && !strncmp(address, "file:", 5);
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

static int find_tokenizer(struct ingredients *found, const struct run_directory *run) {
    found->tokenizer = own_copy(run, PRETRAINED_TOKENIZER, &run_options.tokenizer);
    if (!found->tokenizer && run_options.tokenizer) found->tokenizer = xstrdup(run_options.tokenizer);
    if (!found->tokenizer && run_options.pretrained) found->tokenizer = pretrained_tokenizer(run_options.pretrained);
    if (found->tokenizer) return check_tokenizer(found);
    return is_recorded(run_options.tokens)
               ? 0
               : error(EXIT_USAGE, "--tokenizer FILE is needed: a SentencePiece .model, or CLIP's");
}

static int hash_prompts(struct ingredients *found) {
    uint64_t hash;
    if (!run_options.prompts) return 0;
    int status = hash_file(run_options.prompts, &hash);
    if (!status) set_hash(found, "prompts", hash);
    return status;
}

static int add_dataset(struct ingredients *found, json_t *list, const char *directory) {
    struct store *store;
    int status = store_open(&store, directory);
    if (status) return status;
    found->records += store_count(store);
    json_array_append_new(list, json_pack("{s:I, s:o}", "records", (json_int_t)store_count(store), "fingerprint",
                                          hash_json(store_fingerprint(store))));
    store_close(&store);
    return 0;
}

static int find_datasets(struct ingredients *found) {
    json_t *list = json_array();
    int weight[PLAN_SOURCES], status = 0;
    json_object_set_new(found->versions, "data", list);
    for (const char *part = run_options.train_data, *end; part && !status; part = end ? end + 2 : NULL) {
        end = strstr(part, "::");
        char *directory = xstrndup(part, end ? (size_t)(end - part) : strlen(part));
        status = add_dataset(found, list, directory);
        free(directory);
    }
    bool needed = !is_recorded(run_options.images) || !is_recorded(run_options.tokens);
    if (!status && needed && !run_options.train_data)
        return error(EXIT_USAGE, "--train-data DIR is needed, or both --images file:F and --tokens file:F");
    if (status || !run_options.train_data) return status;
    return plan_weights(run_options.train_data_weights, (int)json_array_size(list), weight);
}

int ingredients_find(struct ingredients *found, const struct run_directory *run) {
    *found = (struct ingredients){.versions = json_pack("{s:s}", "code", COCAFLOW_VERSION)};
    int status = find_pretrained();
    if (!status) status = find_model(found, run);
    if (!status) status = find_datasets(found);
    if (!status) status = find_tokenizer(found, run);
    return status ? status : hash_prompts(found);
}

void ingredients_release(struct ingredients *found) {
    free(found->model);
    free(found->tokenizer);
    json_decref(found->versions);
    *found = (struct ingredients){0};
}
