// Writes safetensors: checkpoints, exported models, tensors of an edge. Sizes are known before the data are written, so
// the header comes first and the tensors follow from where they lie; nothing is held twice. The file is written aside
// (base/file.c). Names and metadata may come from elsewhere and are checked; shapes are the caller's own. Where several
// processes write one file, each works out the same places from the same list of tensors.
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tensor/safetensors.h"

static json_t *entry_json(const struct tensor *tensor, int64_t from) {
    json_t *shape = json_array();
    for (int i = 0; i < tensor->shape.rank; i++) json_array_append_new(shape, json_integer(tensor->shape.dim[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype_safetensors(tensor->dtype), "shape", shape, "data_offsets",
                     (json_int_t)from, (json_int_t)(from + tensor_bytes(tensor)));
}

// Adds what jansson takes only when it is UTF-8, and the header only once.
static int add(json_t *object, const char *key, json_t *value, const char *path) {
    bool twice = json_object_get(object, key) != NULL;
    if (!json_object_set_new(object, key, value) && !twice) return 0;
    return error(EXIT_RUN, "%s: cannot be written: \"%.80s\" is %s; rename it", path, key,
                 twice ? "there twice" : "not UTF-8");
}

static int add_metadata(json_t *header, const char *const *metadata, size_t count, const char *path) {
    json_t *object = json_object();
    json_object_set_new(header, "__metadata__", object);
    int status = 0;
    for (size_t i = 0; i < count && !status; i++) {
        const char *equals = strchr(metadata[i], '=');
        if (!equals) bug("metadata \"%s\" has no =", metadata[i]);
        char *key = xstrndup(metadata[i], (size_t)(equals - metadata[i]));
        status = add(object, key, json_string(equals + 1), path);
        free(key);
    }
    return status;
}

// Places count from the end of the header and follow each other without holes, as the format wants them.
static int add_entries(json_t *header, const struct tensor *tensor, size_t count, const char *path) {
    int64_t at = 0;
    for (size_t i = 0; i < count; i++) {
        int status = add(header, tensor[i].name, entry_json(&tensor[i], at), path);
        if (status) return status;
        at += tensor_bytes(&tensor[i]);
    }
    return 0;
}

// Length and text, padded with spaces so that the data begin at a multiple of 8.
static void print_header(struct buffer *out, const json_t *header) {
    char *text = json_dumps(header, JSON_COMPACT);
    size_t length = (strlen(text) + 7) & ~(size_t)7;
    for (int i = 0; i < 8; i++) buffer_append(out, &(unsigned char){(unsigned char)((uint64_t)length >> 8 * i)}, 1);
    buffer_format(out, "%-*s", (int)length, text);
    free(text);
}

static int make_header(struct buffer *out, const char *path, const struct tensor *tensor, size_t count,
                       const char *const *metadata, size_t metadata_count) {
    json_t *header = json_object();
    int status = metadata_count ? add_metadata(header, metadata, metadata_count, path) : 0;
    if (!status) status = add_entries(header, tensor, count, path);
    if (!status) print_header(out, header);
    json_decref(header);
    return status;
}

static int write_all(const char *path, const struct buffer *header, const struct tensor *tensor, size_t count) {
    struct aside aside;
    int status = aside_open(&aside, path);
    if (status) return status;
    fwrite(header->bytes, 1, header->size, aside.file);
    for (size_t i = 0; i < count; i++) {
        size_t bytes = (size_t)tensor_bytes(&tensor[i]);
        if (bytes) fwrite(tensor[i].data, 1, bytes, aside.file);
    }
    return aside_commit(&aside);
}

// Of what lies on disk, so that a checksum also proves that the file reads back.
static int sum_up(const char *path, uint64_t *checksum, int64_t *size) {
    struct file_map map;
    if (file_map_open(&map, path)) return -EXIT_RUN;
    if (checksum) *checksum = hash_bytes(map.bytes, map.size, 0);
    if (size) *size = (int64_t)map.size;
    file_map_close(&map);
    return 0;
}

int safetensors_write(const char *path, const struct tensor *tensor, size_t count, const char *const *metadata,
                      size_t metadata_count, uint64_t *checksum, int64_t *size) {
    struct buffer header = {0};
    int status = make_header(&header, path, tensor, count, metadata, metadata_count);
    if (!status) status = write_all(path, &header, tensor, count);
    buffer_release(&header);
    return status || (!checksum && !size) ? status : sum_up(path, checksum, size);
}

// ---- by several processes

static int64_t data_bytes(const struct tensor *tensor, size_t count) {
    int64_t bytes = 0;
    for (size_t i = 0; i < count; i++) bytes += tensor_bytes(&tensor[i]);
    return bytes;
}

int safetensors_lay_out(struct aside *aside, const char *path, const struct tensor *tensor, size_t count) {
    struct buffer header = {0};
    int status = make_header(&header, path, tensor, count, NULL, 0);
    if (!status) status = aside_open(aside, path);
    if (!status) {
        fwrite(header.bytes, 1, header.size, aside->file);
        status = aside_extend(aside, (int64_t)header.size + data_bytes(tensor, count));
        if (status) aside_abandon(aside);
    }
    buffer_release(&header);
    return status;
}

int safetensors_fill(const char *path, const struct tensor *tensor, size_t count) {
    struct buffer header = {0};
    struct aside_share share;
    int status = make_header(&header, path, tensor, count, NULL, 0);
    if (!status) status = aside_share_open(&share, path);
    if (!status) {
        int64_t at = (int64_t)header.size;
        for (size_t i = 0; i < count; at += tensor_bytes(&tensor[i++]))
            if (tensor[i].data) aside_share_write(&share, tensor[i].data, (size_t)tensor_bytes(&tensor[i]), at);
        status = aside_share_close(&share, path);
    }
    buffer_release(&header);
    return status;
}

int safetensors_finish(struct aside *aside, const char *path, uint64_t *checksum, int64_t *size) {
    int status = aside_commit(aside);
    return status ? status : sum_up(path, checksum, size);
}
