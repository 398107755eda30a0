#include "tensor/safetensors.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define HEADER_LIMIT 100000000u // bytes, the format's own limit

static uint64_t little64(const unsigned char *bytes) {
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) value = value << 8 | bytes[i];
    return value;
}

static int refuse(const char *what, const char *name, const char *why) {
    return error(EXIT_DATA, "%s: tensor \"%.80s\": %s; the file is damaged or not safetensors", what, name, why);
}

static int read_shape(struct shape *shape, const json_t *list) {
    size_t rank = json_array_size(list);
    if (!json_is_array(list) || rank > TENSOR_DIMS) return -1;
    shape->rank = (int)rank;
    for (size_t i = 0; i < rank; i++) {
        const json_t *dim = json_array_get(list, i);
        if (!json_is_integer(dim)) return -1;
        shape->dim[i] = json_integer_value(dim);
    }
    return 0;
}

// `data` and `data_size`: what lies behind the header.
static int read_entry(struct tensor *tensor, const char *name, const json_t *entry, unsigned char *data,
                      size_t data_size, const char *what) {
    if (strlen(name) >= TENSOR_NAME) return refuse(what, name, "its name is too long");
    strcpy(tensor->name, name);
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    if (!type || dtype_from_name(type, &tensor->dtype))
        return refuse(what, name, "no dtype, or one that is not known here");
    if (read_shape(&tensor->shape, json_object_get(entry, "shape")))
        return refuse(what, name, "no shape, or too many dimensions");
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return refuse(what, name, "no data_offsets");
    int64_t from = json_integer_value(begin), to = json_integer_value(end), bytes = tensor_bytes(tensor);
    if (from < 0 || to < from || (uint64_t)to > data_size)
        return refuse(what, name, "its data lie outside the file (cut short?)");
    if (bytes < 0 || bytes != to - from) return refuse(what, name, "its shape and its data differ in size");
    tensor->data = data + from;
    return 0;
}

static int by_place(const void *a, const void *b) {
    const struct tensor *x = a, *y = b;
    if (x->data != y->data) return (uintptr_t)x->data < (uintptr_t)y->data ? -1 : 1;
    int64_t difference = tensor_bytes(x) - tensor_bytes(y);
    return difference < 0 ? -1 : difference > 0;
}

// The format wants the tensors to cover the data without holes or overlaps.
static int check_cover(const struct safetensors *file, const unsigned char *data, size_t data_size, const char *what) {
    const unsigned char *at = data;
    for (size_t i = 0; i < file->count; i++) {
        if (file->tensor[i].data != at)
            return refuse(what, file->tensor[i].name, "a hole or an overlap lies before its data");
        at += tensor_bytes(&file->tensor[i]);
    }
    if (at == data + data_size) return 0;
    return error(EXIT_DATA, "%s: %zu bytes behind the last tensor", what, (size_t)(data + data_size - at));
}

static int read_entries(struct safetensors *file, json_t *header, unsigned char *data, size_t data_size,
                        const char *what) {
    const char *name;
    json_t *entry;
    file->tensor = xcalloc(json_object_size(header) + 1, sizeof *file->tensor);
    json_object_foreach(header, name, entry) {
        if (!strcmp(name, "__metadata__")) {
            file->metadata = json_dumps(entry, JSON_COMPACT);
            continue;
        }
        int status = read_entry(&file->tensor[file->count], name, entry, data, data_size, what);
        if (status) return status;
        file->count++;
    }
    qsort(file->tensor, file->count, sizeof *file->tensor, by_place);
    return check_cover(file, data, data_size, what);
}

int safetensors_parse(struct safetensors *file, const void *bytes, size_t size, const char *what) {
    if (size < 8) return error(EXIT_DATA, "%s: %zu bytes are no safetensors file", what, size);
    uint64_t length = little64(bytes);
    if (length > HEADER_LIMIT || length > size - 8)
        return error(EXIT_DATA, "%s: a header of %" PRIu64 " bytes in a file of %zu; not safetensors, or cut short",
                     what, length, size);
    json_error_t failure;
    json_t *header = json_loadb((const char *)bytes + 8, (size_t)length, JSON_REJECT_DUPLICATES, &failure);
    if (!json_is_object(header)) {
        json_decref(header);
        return error(EXIT_DATA, "%s: the header is no JSON object: %s", what, header ? "another value" : failure.text);
    }
    unsigned char *data = (unsigned char *)(uintptr_t)bytes + 8 + length;
    int status = read_entries(file, header, data, size - 8 - (size_t)length, what);
    json_decref(header);
    return status;
}

int safetensors_open(struct safetensors *file, const char *path) {
    *file = (struct safetensors){0};
    int status = file_map_open(&file->map, path);
    if (!status) status = safetensors_parse(file, file->map.bytes, file->map.size, path);
    if (status) safetensors_close(file);
    return status;
}

void safetensors_close(struct safetensors *file) {
    free(file->tensor);
    free(file->metadata);
    file_map_close(&file->map);
    *file = (struct safetensors){0};
}

const struct tensor *safetensors_find(const struct safetensors *file, const char *name) {
    for (size_t i = 0; i < file->count; i++)
        if (!strcmp(file->tensor[i].name, name)) return &file->tensor[i];
    return NULL;
}

static json_t *entry_json(const struct tensor *tensor, int64_t from) {
    json_t *shape = json_array();
    for (int i = 0; i < tensor->shape.rank; i++) json_array_append_new(shape, json_integer(tensor->shape.dim[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype_safetensors(tensor->dtype), "shape", shape, "data_offsets",
                     (json_int_t)from, (json_int_t)(from + tensor_bytes(tensor)));
}

static json_t *metadata_json(const char *const *metadata, size_t count) {
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        const char *equals = strchr(metadata[i], '=');
        if (!equals) bug("metadata \"%s\" has no =", metadata[i]);
        char *key = xstrndup(metadata[i], (size_t)(equals - metadata[i]));
        json_object_set_new(object, key, json_string(equals + 1));
        free(key);
    }
    return object;
}

// Length and header, padded with spaces so that the data begin at a multiple of 8.
static void make_header(struct buffer *out, const struct tensor *tensor, size_t count, const char *const *metadata,
                        size_t metadata_count) {
    json_t *header = json_object();
    int64_t at = 0;
    if (metadata_count) json_object_set_new(header, "__metadata__", metadata_json(metadata, metadata_count));
    for (size_t i = 0; i < count; at += tensor_bytes(&tensor[i]), i++)
        json_object_set_new(header, tensor[i].name, entry_json(&tensor[i], at));
    char *text = json_dumps(header, JSON_COMPACT);
    size_t length = (strlen(text) + 7) & ~(size_t)7;
    for (int i = 0; i < 8; i++) buffer_append(out, &(unsigned char){(unsigned char)((uint64_t)length >> 8 * i)}, 1);
    buffer_format(out, "%-*s", (int)length, text);
    free(text);
    json_decref(header);
}

// Of what lies on disk, so that a checksum also proves that the file reads back.
static int checksum_of(const char *path, uint64_t *checksum, int64_t *size) {
    struct file_map map;
    int status = file_map_open(&map, path);
    if (status) return -EXIT_RUN;
    *checksum = hash_bytes(map.bytes, map.size, 0);
    *size = (int64_t)map.size;
    file_map_close(&map);
    return 0;
}

int safetensors_write(const char *path, const struct tensor *tensor, size_t count, const char *const *metadata,
                      size_t metadata_count, uint64_t *checksum, int64_t *size) {
    struct aside aside;
    int status = aside_open(&aside, path);
    if (status) return status;
    struct buffer header = {0};
    make_header(&header, tensor, count, metadata, metadata_count);
    fwrite(header.bytes, 1, header.size, aside.file);
    buffer_release(&header);
    for (size_t i = 0; i < count; i++) fwrite(tensor[i].data, 1, (size_t)tensor_bytes(&tensor[i]), aside.file);
    status = aside_commit(&aside);
    return status || !checksum ? status : checksum_of(path, checksum, size);
}
