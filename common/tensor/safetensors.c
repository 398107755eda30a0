// Reads safetensors: 8 bytes with the header's length, a JSON header that gives each tensor's dtype, shape and place,
// then the data. Pretrained weights, checkpoints and what coca-tap compares or imports come through here, so the file
// is a stranger's: all that the header says is checked against the bytes that are there before any of them is used, and
// a fuzz target drives the parser. The data stay in the map. Which tensors there should be, and what they mean, callers
// check.
#include "tensor/safetensors.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_LIMIT 100000000u // bytes, the format's own limit

static uint64_t little64(const unsigned char *bytes) {
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) value = value << 8 | bytes[i];
    return value;
}

static int refuse(const char *what, const char *name, const char *why) {
    return error(EXIT_DATA, "%s: tensor \"%.80s\": %s; the file is damaged or cut short, fetch or write it again", what,
                 name, why);
}

static int read_dtype(struct tensor *tensor, const json_t *text, const char *what) {
    const char *type = json_string_value(text);
    if (!type) return refuse(what, tensor->name, "it has no dtype");
    if (!dtype_from_name(type, &tensor->dtype) && !strcmp(type, dtype_safetensors(tensor->dtype))) return 0;
    return error(EXIT_DATA, "%s: tensor \"%.80s\": dtype \"%.20s\" is not known here; convert it to F32", what,
                 tensor->name, type);
}

static int read_shape(struct tensor *tensor, const json_t *list, const char *what) {
    size_t rank = json_array_size(list);
    if (!json_is_array(list)) return refuse(what, tensor->name, "it has no shape");
    if (rank > TENSOR_DIMS)
        return error(EXIT_DATA, "%s: tensor \"%.80s\": %zu dimensions, at most %d are known here; reshape it", what,
                     tensor->name, rank, TENSOR_DIMS);
    tensor->shape.rank = (int)rank;
    for (size_t i = 0; i < rank; i++) {
        const json_t *dim = json_array_get(list, i);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            return refuse(what, tensor->name, "a dimension is no count");
        tensor->shape.dim[i] = json_integer_value(dim);
    }
    return 0;
}

// `data` and `size`: what lies behind the header. tensor_bytes is −1 for a shape that overflows, which no place equals.
static int read_place(struct tensor *tensor, const json_t *offsets, unsigned char *data, size_t size,
                      const char *what) {
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return refuse(what, tensor->name, "it has no data_offsets");
    int64_t from = json_integer_value(begin), to = json_integer_value(end);
    if (from < 0 || to < from || (uint64_t)to > size)
        return refuse(what, tensor->name, "its data lie outside the file");
    if (tensor_bytes(tensor) != to - from) return refuse(what, tensor->name, "its shape and its data differ in size");
    tensor->data = data + from;
    return 0;
}

static int read_entry(struct tensor *tensor, const char *name, const json_t *entry, unsigned char *data, size_t size,
                      const char *what) {
    if (strlen(name) >= TENSOR_NAME)
        return error(EXIT_DATA, "%s: tensor \"%.80s...\": names of more than %d bytes are not known here; rename it",
                     what, name, TENSOR_NAME - 1);
    strcpy(tensor->name, name);
    int status = read_dtype(tensor, json_object_get(entry, "dtype"), what);
    if (!status) status = read_shape(tensor, json_object_get(entry, "shape"), what);
    if (!status) status = read_place(tensor, json_object_get(entry, "data_offsets"), data, size, what);
    return status;
}

static int read_metadata(struct safetensors *file, const json_t *metadata, const char *what) {
    const char *key;
    json_t *value;
    bool texts = json_is_object(metadata);
    json_object_foreach((json_t *)(uintptr_t)metadata, key, value) texts = texts && json_is_string(value);
    if (!texts) return error(EXIT_DATA, "%s: __metadata__ is no object of texts; write the file again", what);
    file->metadata = json_dumps(metadata, JSON_COMPACT);
    return 0;
}

// Ascending by where the data begin; of tensors at one place the empty ones first, so that each begins where the one
// before it ends.
static int by_place(const void *a, const void *b) {
    const struct tensor *x = a, *y = b;
    if (x->data != y->data) return (uintptr_t)x->data < (uintptr_t)y->data ? -1 : 1;
    int64_t difference = tensor_bytes(x) - tensor_bytes(y);
    if (difference) return difference < 0 ? -1 : 1;
    return strcmp(x->name, y->name);
}

// The format wants the tensors to cover the data without holes or overlaps. Holes could hide anything, and two names
// for the same bytes would make one weight of two. In the order of their places it is one comparison for each.
static int check_cover(const struct safetensors *file, const unsigned char *data, size_t size, const char *what) {
    const unsigned char *at = data;
    for (size_t i = 0; i < file->count; i++) {
        if (file->tensor[i].data != at)
            return refuse(what, file->tensor[i].name, "a hole or an overlap lies before its data");
        at += tensor_bytes(&file->tensor[i]);
    }
    if (at == data + size) return 0;
    return error(EXIT_DATA, "%s: %zu bytes behind the last tensor; fetch or write it again", what,
                 (size_t)(data + size - at));
}

// Room for a copy that keeps the next one aligned; 0 when none is needed, never 0 for an empty tensor that lies askew.
static size_t askew_bytes(const struct tensor *tensor) {
    bool askew = (uintptr_t)tensor->data % dtype_size(tensor->dtype) != 0;
    return askew ? ((size_t)tensor_bytes(tensor) + 8) & ~(size_t)7 : 0;
}

// Only these are copied, and together: elsewhere a load of the type at an odd address is undefined, and slow.
static void copy_askew(struct safetensors *file) {
    size_t need = 0;
    for (size_t i = 0; i < file->count; i++) need += askew_bytes(&file->tensor[i]);
    if (!need) return;
    char *at = file->copies = xaligned(need);
    for (size_t i = 0; i < file->count; i++) {
        struct tensor *tensor = &file->tensor[i];
        size_t bytes = askew_bytes(tensor);
        if (!bytes) continue;
        tensor->data = memcpy(at, tensor->data, (size_t)tensor_bytes(tensor));
        at += bytes;
    }
}

static int read_entries(struct safetensors *file, json_t *header, unsigned char *data, size_t size, const char *what) {
    const char *name;
    json_t *entry;
    int status = 0;
    file->tensor = xcalloc(json_object_size(header) + 1, sizeof *file->tensor);
    json_object_foreach(header, name, entry) {
        if (!strcmp(name, "__metadata__"))
            status = read_metadata(file, entry, what);
        else
            status = read_entry(&file->tensor[file->count++], name, entry, data, size, what);
        if (status) return status;
    }
    qsort(file->tensor, file->count, sizeof *file->tensor, by_place);
    status = check_cover(file, data, size, what);
    if (!status) copy_askew(file);
    return status;
}

static void release(struct safetensors *file) {
    free(file->tensor);
    free(file->metadata);
    free(file->copies);
    *file = (struct safetensors){.map = file->map};
}

// The header as an object that the caller owns, or NULL, reported. The format wants "{" as its first byte; jansson
// would take white space and arrays too. Of a key that is there twice readers would see one or the other.
static json_t *load_header(const char *text, size_t length, const char *what) {
    json_error_t failure = {.text = "it does not begin with {"};
    json_t *header = NULL;
    if (length && text[0] == '{') header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &failure);
    if (!header) error(EXIT_DATA, "%s: the header is no JSON object: %s; is it safetensors?", what, failure.text);
    return header;
}

int safetensors_parse(struct safetensors *file, const void *bytes, size_t size, const char *what) {
    if (size < 8) return error(EXIT_DATA, "%s: %zu bytes are no safetensors file", what, size);
    uint64_t length = little64(bytes);
    if (length > HEADER_LIMIT || length > size - 8)
        return error(EXIT_DATA, "%s: a header of %" PRIu64 " bytes in a file of %zu; not safetensors, or cut short",
                     what, length, size);
    json_t *header = load_header((const char *)bytes + 8, (size_t)length, what);
    if (!header) return -EXIT_DATA;
    unsigned char *data = (unsigned char *)(uintptr_t)bytes + 8 + length;
    int status = read_entries(file, header, data, size - 8 - (size_t)length, what);
    json_decref(header);
    if (status) release(file);
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
    release(file);
    file_map_close(&file->map);
}

const struct tensor *safetensors_find(const struct safetensors *file, const char *name) {
    for (size_t i = 0; i < file->count; i++)
        if (!strcmp(file->tensor[i].name, name)) return &file->tensor[i];
    return NULL;
}
