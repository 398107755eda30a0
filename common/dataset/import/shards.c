// What the command line of an index names. Each operand's kind follows from its name; of a .json its content says which
// of two it is.
#include "dataset/import/shards.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "dataset/import/paths.h"

#define LIST_BYTES_LIMIT (256u << 20)
#define BLOCK_BYTES (64 << 10)

static int read_all(struct buffer *bytes, struct object_stream *stream, const char *url, size_t limit) {
    ssize_t got;
    do {
        if (bytes->size > limit) return error(EXIT_DATA, "%s: has more than %zu bytes", url, limit);
        buffer_reserve(bytes, BLOCK_BYTES + 1);
        got = object_stream_read(stream, bytes->bytes + bytes->size, BLOCK_BYTES);
        if (got > 0) bytes->size += (size_t)got;
    } while (got > 0);
    bytes->bytes[bytes->size] = 0;
    return (int)got;
}

int shards_load(struct buffer *bytes, const char *url, size_t limit) {
    struct object object = {.url = xstrdup(url), .bytes = -1};
    struct object_stream *stream;
    int status = object_stream_open(&stream, &object, NULL);
    if (!status) {
        status = read_all(bytes, stream, url, limit);
        object_stream_close(&stream);
    }
    object_release(&object);
    return status;
}

static struct shard_of_list *add(struct shards *shards, const char *path) {
    struct shard_of_list *shard = xcalloc(1, sizeof *shard);
    *shard = (struct shard_of_list){.path = xstrdup(path), .samples = -1, .bytes = -1, .object = {.bytes = -1}};
    shards->shard = xrealloc_array(shards->shard, shards->count + 1, sizeof *shards->shard);
    shards->shard[shards->count++] = shard;
    return shard;
}

// `path` is `index` without its last `cut` bytes, with `end` behind it.
static void add_indexed(struct shards *shards, const char *index, size_t cut, const char *end) {
    char *path = xformat("%.*s%s", (int)(strlen(index) - cut), index, end);
    add(shards, path)->index = xstrdup(index);
    free(path);
}

static bool is_whole_name(const char *url) {
    return object_kind_of(url) != OBJECT_FILE || *url == '/';
}

static int add_listed(struct shards *shards, const json_t *row, const char *list, size_t number) {
    const char *url = json_string_value(json_object_get(row, "url"));
    if (!url) return error(EXIT_DATA, "%s: shard %zu has no url", list, number);
    char *path = is_whole_name(url) ? xstrdup(url) : path_beside(list, url);
    struct shard_of_list *shard = add(shards, path);
    const json_t *samples = json_object_get(row, "nsamples"), *bytes = json_object_get(row, "filesize");
    if (json_is_integer(samples)) shard->samples = json_integer_value(samples);
    if (json_is_integer(bytes)) shard->bytes = json_integer_value(bytes);
    free(path);
    return 0;
}

static int add_document(struct shards *shards, const json_t *document, const char *path) {
    const char *kind = json_string_value(json_object_get(document, "__kind__"));
    const json_t *list = json_object_get(document, "shardlist");
    if (!kind || strcmp(kind, "wids-shard-index-v1")) {
        if (!json_object_get(document, "files"))
            return error(EXIT_DATA, "%s: is neither a list of shards (wids) nor the files of one (webshart)", path);
        add_indexed(shards, path, strlen(".json"), ".tar");
        return 0;
    }
    int status = json_array_size(list) ? 0 : error(EXIT_DATA, "%s: lists no shards", path);
    for (size_t i = 0; i < json_array_size(list) && !status; i++)
        status = add_listed(shards, json_array_get(list, i), path, i);
    return status;
}

static int add_json(struct shards *shards, const char *path) {
    struct buffer bytes = {0};
    json_error_t place;
    int status = shards_load(&bytes, path, LIST_BYTES_LIMIT);
    json_t *document = status ? NULL : json_parse(bytes.bytes, bytes.size, &place);
    if (!status && !document) status = error(EXIT_DATA, "%s: line %d: %s", path, place.line, place.text);
    if (!status) status = add_document(shards, document, path);
    json_decref(document);
    buffer_release(&bytes);
    return status;
}

static int add_path(struct shards *shards, const char *path) {
    if (object_kind_of(path) == OBJECT_PIPE) return add(shards, path), 0;
    if (text_ends(path, ".json")) return add_json(shards, path);
    if (text_ends(path, ".tar.idx"))
        add_indexed(shards, path, strlen(".idx"), "");
    else if (text_ends(path, ".idx"))
        add_indexed(shards, path, strlen(".idx"), ".tar");
    else
        add(shards, path);
    return 0;
}

int shards_add(struct shards *shards, const char *operand) {
    struct strings paths = {0};
    int status = paths_expand(&paths, operand);
    for (size_t i = 0; i < paths.count && !status; i++) status = add_path(shards, paths.item[i]);
    strings_release(&paths);
    return status;
}

void shards_release(struct shards *shards) {
    for (size_t i = 0; i < shards->count; i++) {
        free(shards->shard[i]->path);
        free(shards->shard[i]->index);
        object_release(&shards->shard[i]->object);
        free(shards->shard[i]);
    }
    free(shards->shard);
    *shards = (struct shards){0};
}
