// NumPy's arrays in and out, for what people look at in Python: coca-tap exports tensors of an edge, coca-score
// embeddings. The file is the magic bytes with the version, the header's length (16 bits, little-endian), the header
// padded so that the data begin at a multiple of 64, then the elements. NumPy evaluates the header, a Python
// dictionary; here a parser reads the one form that NumPy writes, and refuses all else.
#include "tensor/npy.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NPY_LIMIT ((size_t)1 << 40)

static const char magic[8] = {(char)0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
#define PREFIX 10 // bytes: magic and the header's length

// As numpy prints it: "(2, 3)", "(5,)", "()".
static void shape_text(struct buffer *text, struct shape shape) {
    buffer_text(text, "(");
    for (int i = 0; i < shape.rank; i++) buffer_format(text, i ? ", %" PRId64 : "%" PRId64, shape.dim[i]);
    buffer_text(text, shape.rank == 1 ? ",)" : ")");
}

static void header_text(struct buffer *text, const struct tensor *tensor, enum dtype type) {
    buffer_format(text, "{'descr': '%s', 'fortran_order': False, 'shape': ", dtype_numpy(type));
    shape_text(text, tensor->shape);
    buffer_text(text, ", }");
    while ((text->size + PREFIX + 1) % 64) buffer_text(text, " ");
    buffer_text(text, "\n");
}

void npy_begin(struct buffer *out, const struct tensor *tensor) {
    struct buffer text = {0};
    header_text(&text, tensor, dtype_numpy(tensor->dtype) ? tensor->dtype : DT_F32);
    const unsigned char length[2] = {(unsigned char)text.size, (unsigned char)(text.size >> 8)};
    buffer_append(out, magic, sizeof magic);
    buffer_append(out, length, sizeof length);
    buffer_append(out, text.bytes, text.size);
    buffer_release(&text);
}

// A type that NumPy lacks (bf16) becomes f32, block by block: no second copy of the tensor.
static void write_elements(FILE *file, const struct tensor *tensor, enum dtype type) {
    size_t count = (size_t)shape_count(tensor->shape), size = dtype_size(type);
    if (type == tensor->dtype) {
        if (count) fwrite(tensor->data, size, count, file);
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
    struct buffer head = {0};
    npy_begin(&head, tensor);
    fwrite(head.bytes, 1, head.size, aside.file);
    buffer_release(&head);
    write_elements(aside.file, tensor, type);
    return aside_commit(&aside);
}

// The header is a Python dictionary of three keys, read as NumPy writes it; spaces are free.
static char peek(const char **at) {
    while (**at == ' ' || **at == '\n') ++*at;
    return **at;
}

static bool accept(const char **at, char symbol) {
    if (peek(at) != symbol) return false;
    ++*at;
    return true;
}

static bool accept_word(const char **at, const char *word) {
    peek(at);
    size_t length = strlen(word);
    if (strncmp(*at, word, length)) return false;
    *at += length;
    return true;
}

// 'word', of at most 15 bytes.
static bool read_quoted(const char **at, char word[16]) {
    if (!accept(at, '\'')) return false;
    size_t length = strcspn(*at, "'");
    if (length > 15 || !(*at)[length]) return false;
    memcpy(word, *at, length);
    word[length] = 0;
    *at += length + 1;
    return true;
}

static bool read_dtype(const char **at, struct tensor *tensor) {
    char name[16];
    if (!read_quoted(at, name) || dtype_from_name(name, &tensor->dtype)) return false;
    const char *spelling = dtype_numpy(tensor->dtype);
    return spelling && !strcmp(spelling, name);
}

// strtoll answers the largest number to what is too large; no file has the size that follows from it.
static bool read_shape(const char **at, struct shape *shape) {
    if (!accept(at, '(')) return false;
    for (shape->rank = 0; !accept(at, ')');) {
        if (!isdigit((unsigned char)peek(at)) || shape->rank == TENSOR_DIMS) return false;
        char *end;
        shape->dim[shape->rank++] = strtoll(*at, &end, 10);
        *at = end;
        if (!accept(at, ',') && peek(at) != ')') return false;
    }
    return true;
}

// Reads one "'key': value"; `seen` gets a bit for its key.
static bool read_item(const char **at, struct tensor *tensor, unsigned *seen) {
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    char word[16];
    if (!read_quoted(at, word) || !accept(at, ':')) return false;
    unsigned key = 0;
    while (key < 3 && strcmp(word, keys[key])) key++;
    if (*seen & 1u << key) return false;
    *seen |= 1u << key;
    switch (key) {
    case 0: return read_dtype(at, tensor);
    case 1: return accept_word(at, "False");
    case 2: return read_shape(at, &tensor->shape);
    default: return false;
    }
}

static bool read_header(const char *at, struct tensor *tensor) {
    unsigned seen = 0;
    if (!accept(&at, '{')) return false;
    while (!accept(&at, '}'))
        if (!read_item(&at, tensor, &seen) || (!accept(&at, ',') && peek(&at) != '}')) return false;
    return seen == 7 && !peek(&at);
}

// The data go to the front of `file`, which malloc aligned for every type; behind the header they may lie askew.
static int take_data(struct tensor *tensor, struct buffer *file, size_t start, const char *path) {
    int64_t need = tensor_bytes(tensor);
    file->size -= start;
    tensor->data = memmove(file->bytes, file->bytes + start, file->size);
    if (need >= 0 && (uint64_t)need == file->size) return 0;
    return error(EXIT_DATA, "%s: %zu bytes of data do not fit its shape; is it cut short?", path, file->size);
}

// The header is copied to end it with a NUL, where every reader below stops; one that holds a NUL itself is refused.
static int parse(struct tensor *tensor, struct buffer *file, const char *path) {
    const unsigned char *bytes = (const unsigned char *)file->bytes;
    if (file->size < PREFIX || memcmp(bytes, magic, sizeof magic))
        return error(EXIT_DATA, "%s: not an npy file of version 1.0", path);
    size_t length = bytes[8] | (size_t)bytes[9] << 8;
    if (length > file->size - PREFIX) return error(EXIT_DATA, "%s: cut short in the header", path);
    char *header = xstrndup(file->bytes + PREFIX, length);
    bool good = strlen(header) == length && read_header(header, tensor);
    free(header);
    if (good) return take_data(tensor, file, PREFIX + length, path);
    return error(EXIT_DATA,
                 "%s: no dtype and shape known here; save it in C order, little endian, with at most %d dimensions",
                 path, TENSOR_DIMS);
}

int npy_read(const char *path, struct tensor *tensor, struct buffer *memory) {
    *tensor = (struct tensor){0};
    int status = file_read(path, NPY_LIMIT, memory);
    return status ? status : parse(tensor, memory, path);
}
