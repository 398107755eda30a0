#include "tensor/npy.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NPY_LIMIT ((size_t)1 << 40)

static const char magic[8] = {(char)0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};

static void header_text(struct buffer *text, const struct tensor *tensor, enum dtype type) {
    buffer_format(text, "{'descr': '%s', 'fortran_order': False, 'shape': (", dtype_numpy(type));
    for (int i = 0; i < tensor->shape.rank; i++) buffer_format(text, "%" PRId64 ", ", tensor->shape.dim[i]);
    buffer_text(text, "), }");
    while ((text->size + 11) % 64) buffer_text(text, " "); // magic 8, length 2, newline 1
    buffer_text(text, "\n");
}

static void write_elements(FILE *file, const struct tensor *tensor, enum dtype type) {
    size_t count = (size_t)shape_count(tensor->shape), size = dtype_size(type);
    if (type == tensor->dtype) {
        fwrite(tensor->data, size, count, file);
        return;
    }
    float block[1024];
    for (size_t done = 0; done < count; done += 1024) {
        size_t some = count - done < 1024 ? count - done : 1024;
        dtype_convert(block, type, (const char *)tensor->data + done * dtype_size(tensor->dtype), tensor->dtype, some);
        fwrite(block, size, some, file);
    }
}

int npy_write(const char *path, const struct tensor *tensor) {
    enum dtype type = dtype_numpy(tensor->dtype) ? tensor->dtype : DT_F32;
    struct aside aside;
    int status = aside_open(&aside, path);
    if (status) return status;
    struct buffer text = {0};
    header_text(&text, tensor, type);
    unsigned char length[2] = {(unsigned char)text.size, (unsigned char)(text.size >> 8)};
    fwrite(magic, 1, sizeof magic, aside.file);
    fwrite(length, 1, sizeof length, aside.file);
    fwrite(text.bytes, 1, text.size, aside.file);
    buffer_release(&text);
    write_elements(aside.file, tensor, type);
    return aside_commit(&aside);
}

// The text behind `key` in the header's dictionary, NULL when absent.
static const char *value_of(const char *header, const char *key) {
    const char *found = strstr(header, key);
    if (!found) return NULL;
    found += strlen(key);
    while (*found == ' ' || *found == ':') found++;
    return found;
}

static int read_type(const char *header, enum dtype *type) {
    const char *value = value_of(header, "'descr'");
    char name[8] = "";
    if (!value || sscanf(value, "'%7[^']'", name) != 1) return -1;
    return dtype_from_name(name, type);
}

static int read_shape(const char *header, struct shape *shape) {
    const char *at = value_of(header, "'shape'");
    if (!at || *at++ != '(') return -1;
    for (shape->rank = 0; *at != ')';) {
        char *end;
        if (!isdigit((unsigned char)*at) || shape->rank == TENSOR_DIMS) return -1;
        shape->dim[shape->rank++] = strtoll(at, &end, 10);
        for (at = end; *at == ',' || *at == ' ';) at++;
    }
    return 0;
}

static int parse(struct tensor *tensor, struct buffer *memory, const char *path) {
    unsigned char *bytes = (unsigned char *)memory->bytes;
    if (memory->size < 10 || memcmp(bytes, magic, sizeof magic))
        return error(EXIT_DATA, "%s: not an npy file of version 1.0", path);
    size_t length = bytes[8] | (size_t)bytes[9] << 8;
    if (length > memory->size - 10) return error(EXIT_DATA, "%s: cut in the header", path);
    char *header = xstrndup(memory->bytes + 10, length);
    const char *order = value_of(header, "'fortran_order'");
    bool bad =
        read_type(header, &tensor->dtype) || read_shape(header, &tensor->shape) || !order || strncmp(order, "False", 5);
    free(header);
    if (bad)
        return error(EXIT_DATA, "%s: a dtype, shape or order that is not supported (C order, at most %d dimensions)",
                     path, TENSOR_DIMS);
    int64_t need = tensor_bytes(tensor);
    if (need < 0 || (uint64_t)need != memory->size - 10 - length)
        return error(EXIT_DATA, "%s: %zu bytes of data do not fit its shape; cut short?", path,
                     memory->size - 10 - length);
    tensor->data = memory->bytes + 10 + length;
    return 0;
}

int npy_read(const char *path, struct tensor *tensor, struct buffer *memory) {
    *tensor = (struct tensor){0};
    int status = file_read(path, NPY_LIMIT, memory);
    return status ? status : parse(tensor, memory, path);
}
