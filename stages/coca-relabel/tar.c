// Blocks of 512 bytes: a header, the file's bytes filled up to a block, …, and at the end two blocks of zeros. A header
// of type x, g, L or K extends the one behind it.
#include "tar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"

enum { EXTENSION_LIMIT = 1 << 20, WINDOW = 16 << 10 };
enum {
    NAME_SIZE = 100,
    SIZE_AT = 124,
    SIZE_SIZE = 12,
    SUM_AT = 148,
    SUM_SIZE = 8,
    TYPE_AT = 156,
    LINK_AT = 157,
    MAGIC_AT = 257,
    PREFIX_AT = 345,
    PREFIX_SIZE = 155
};

struct tar {
    int fd;
    char *shown;
    int64_t at;
    int64_t window; // where `ahead` begins in the file
    struct buffer ahead, extension, name;
    char header[TAR_BLOCK];
    int64_t pax_size; // −1: none
    bool is_named;    // an extension gave the name
};

int tar_open(struct tar **tar, const char *path, const char *shown) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *tar = NULL;
    if (fd < 0) return error(EXIT_DATA, "%s: cannot be opened: %s", shown, strerror(errno));
    *tar = xcalloc(1, sizeof **tar);
    (*tar)->fd = fd;
    (*tar)->shown = xstrdup(shown);
    return 0;
}

void tar_close(struct tar **tar) {
    struct tar *old = *tar;
    if (!old) return;
    close(old->fd);
    free(old->shown);
    buffer_release(&old->ahead);
    buffer_release(&old->extension);
    buffer_release(&old->name);
    free(old);
    *tar = NULL;
}

static int is_cut(const struct tar *tar, int64_t offset) {
    return error(EXIT_DATA, "%s: is cut at byte %lld: fetch or write it again", tar->shown, (long long)offset);
}

// Up to `size` bytes, fewer at the end of the file alone.
static int read_some(const struct tar *tar, int64_t offset, char *to, size_t size, size_t *done) {
    for (*done = 0; *done < size;) {
        const ssize_t got = pread(tar->fd, to + *done, size - *done, offset + (int64_t)*done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return error(EXIT_DATA, "%s: cannot be read: %s", tar->shown, strerror(errno));
        if (!got) break;
        *done += (size_t)got;
    }
    return 0;
}

// Headers and small members stand side by side: what follows one is read with it.
static int look_ahead(struct tar *tar, int64_t offset) {
    buffer_clear(&tar->ahead);
    buffer_reserve(&tar->ahead, WINDOW);
    tar->window = offset;
    return read_some(tar, offset, tar->ahead.bytes, WINDOW, &tar->ahead.size);
}

static bool is_ahead(const struct tar *tar, int64_t offset, size_t size) {
    return offset >= tar->window && offset + (int64_t)size <= tar->window + (int64_t)tar->ahead.size;
}

static int read_at(struct tar *tar, int64_t offset, void *bytes, size_t size) {
    size_t done = 0;
    if (!is_ahead(tar, offset, size) && size < WINDOW) {
        int status = look_ahead(tar, offset);
        if (status) return status;
    }
    if (is_ahead(tar, offset, size)) {
        if (size) memcpy(bytes, tar->ahead.bytes + (offset - tar->window), size);
        return 0;
    }
    int status = read_some(tar, offset, bytes, size, &done);
    return !status && done < size ? is_cut(tar, offset + (int64_t)done) : status;
}

int tar_read(struct tar *tar, int64_t offset, int64_t size, struct buffer *bytes) {
    buffer_clear(bytes);
    buffer_reserve(bytes, (size_t)size);
    int status = read_at(tar, offset, bytes->bytes, (size_t)size);
    bytes->size = status ? 0 : (size_t)size;
    bytes->bytes[bytes->size] = 0;
    return status;
}

// ---- numbers

static int64_t parse_octal(const char *field, size_t size) {
    int64_t value = 0;
    size_t at = 0;
    while (at < size && field[at] == ' ') at++;
    for (; at < size && field[at] >= '0' && field[at] <= '7'; at++) value = value * 8 + (field[at] - '0');
    return at == size || field[at] == ' ' || !field[at] ? value : -1;
}

// Sizes that octal digits cannot hold stand as big-endian bytes behind a set bit. −1: no number of 63 bits.
static int64_t parse_number(const char *field, size_t size) {
    const unsigned char *bytes = (const unsigned char *)field;
    if (!(bytes[0] & 0x80)) return parse_octal(field, size);
    uint64_t value = bytes[0] & 0x7f;
    for (size_t i = 1; i < size; i++) {
        if (value >> 55) return -1;
        value = value << 8 | bytes[i];
    }
    return (int64_t)value;
}

// Of a header whose sum counts as blanks.
static unsigned sum_of(const char header[TAR_BLOCK]) {
    unsigned sum = 0;
    for (int i = 0; i < TAR_BLOCK; i++) sum += i >= SUM_AT && i < SUM_AT + SUM_SIZE ? ' ' : (unsigned char)header[i];
    return sum;
}

static bool is_header(const char header[TAR_BLOCK]) {
    return parse_octal(header + SUM_AT, SUM_SIZE) == (int64_t)sum_of(header);
}

static bool is_zero(const char block[TAR_BLOCK]) {
    for (int i = 0; i < TAR_BLOCK; i++)
        if (block[i]) return false;
    return true;
}

// ---- headers that extend

static void set_name(struct tar *tar, const char *name, size_t size) {
    buffer_clear(&tar->name);
    buffer_append(&tar->name, name, strnlen(name, size));
    tar->is_named = true;
}

// "LENGTH KEY=VALUE\n", of which LENGTH counts all bytes.
static int read_pax(struct tar *tar) {
    const char *at = tar->extension.bytes, *end = at + tar->extension.size;
    while (at < end && *at) {
        char *key;
        const long length = strtol(at, &key, 10);
        if (length < 5 || length > end - at || *key != ' ' || at[length - 1] != '\n') return -EXIT_DATA;
        const char *value = memchr(key, '=', (size_t)(at + length - key)), *last = at + length - 1;
        if (!value++) return -EXIT_DATA;
        if (!strncmp(key, " path=", 6)) set_name(tar, value, (size_t)(last - value));
        if (!strncmp(key, " size=", 6)) tar->pax_size = strtoll(value, NULL, 10);
        at += length;
    }
    return 0;
}

static int extend(struct tar *tar, char type, int64_t size) {
    if (size < 0 || size > EXTENSION_LIMIT)
        return error(EXIT_DATA, "%s: a header at byte %lld has more than %d bytes", tar->shown, (long long)tar->at,
                     EXTENSION_LIMIT);
    int status = tar_read(tar, tar->at + TAR_BLOCK, size, &tar->extension);
    if (status) return status;
    if (type == 'L') set_name(tar, tar->extension.bytes, tar->extension.size);
    if (type == 'x' && (read_pax(tar) || tar->pax_size < -1))
        return error(EXIT_DATA, "%s: the pax header at byte %lld makes no sense", tar->shown, (long long)tar->at);
    tar->at += TAR_BLOCK + tar_padded(size);
    return 0;
}

// ---- members

static void name_from_header(struct tar *tar) {
    const char *header = tar->header;
    buffer_clear(&tar->name);
    if (!memcmp(header + MAGIC_AT, "ustar", 6) && header[PREFIX_AT]) {
        buffer_append(&tar->name, header + PREFIX_AT, strnlen(header + PREFIX_AT, PREFIX_SIZE));
        buffer_text(&tar->name, "/");
    }
    buffer_append(&tar->name, header, strnlen(header, NAME_SIZE));
}

// As Python's tarfile: links, folders, devices and FIFOs have no bytes, whatever their size says.
static bool has_bytes(char type) {
    return !type || !strchr("123456", type);
}

// 1: a header; 0: the end.
static int read_header(struct tar *tar) {
    int status = read_at(tar, tar->at, tar->header, TAR_BLOCK);
    if (status) return status;
    if (is_zero(tar->header)) return 0;
    if (!is_header(tar->header))
        return error(EXIT_DATA, "%s: there is no tar header at byte %lld: it is damaged, or no tar", tar->shown,
                     (long long)tar->at);
    return 1;
}

static int read_extensions(struct tar *tar) {
    int status;
    while ((status = read_header(tar)) == 1) {
        const char type = tar->header[TYPE_AT];
        if (!type || !strchr("xgLK", type)) return 1;
        if ((status = extend(tar, type, parse_number(tar->header + SIZE_AT, SIZE_SIZE)))) return status;
    }
    return status;
}

// That all its bytes are there is seen at once: nobody may read them before the next header is looked for.
static int place(struct tar *tar, struct tar_member *member) {
    const char type = tar->header[TYPE_AT];
    char last;
    member->size = member->extends_size ? tar->pax_size : parse_number(tar->header + SIZE_AT, SIZE_SIZE);
    if (type == 'S' || member->size < 0 || member->size > INT64_MAX - tar->at - 2 * TAR_BLOCK)
        return error(EXIT_DATA, "%s: the member at byte %lld %s", tar->shown, (long long)tar->at,
                     type == 'S' ? "is sparse: write it whole" : "has no size");
    if (!has_bytes(type)) member->size = 0;
    member->header = tar->at;
    member->data = tar->at + TAR_BLOCK;
    member->end = tar->at = member->data + tar_padded(member->size);
    const bool is_seen = is_ahead(tar, member->data, (size_t)tar_padded(member->size));
    if (is_seen || !member->size || pread(tar->fd, &last, 1, member->end - 1) == 1) return 0;
    return is_cut(tar, member->end - 1);
}

int tar_next(struct tar *tar, struct tar_member *member) {
    *member = (struct tar_member){.begin = tar->at};
    tar->is_named = false;
    tar->pax_size = -1;
    int status = read_extensions(tar);
    if (status < 1) return status;
    const char type = tar->header[TYPE_AT];
    member->extends_size = tar->pax_size >= 0;
    member->is_file = !type || type == '0' || type == '7';
    if (!tar->is_named) name_from_header(tar);
    buffer_append(&tar->name, "", 0);
    member->name = tar->name.bytes;
    status = place(tar, member);
    return status ? status : 1;
}

// ---- writing

static void put_size(char header[TAR_BLOCK], int64_t size) {
    char *field = header + SIZE_AT;
    if (size < (int64_t)1 << 33) {
        char digits[SIZE_SIZE + 1];
        snprintf(digits, sizeof digits, "%011llo", (unsigned long long)size);
        memcpy(field, digits, SIZE_SIZE);
        return;
    }
    for (int i = SIZE_SIZE - 1; i >= 0; i--, size >>= 8) field[i] = (char)size;
    field[0] |= (char)0x80;
}

static void put_sum(char header[TAR_BLOCK]) {
    char digits[SUM_SIZE];
    snprintf(digits, sizeof digits, "%06o", sum_of(header));
    memcpy(header + SUM_AT, digits, SUM_SIZE - 1);
    header[SUM_AT + SUM_SIZE - 1] = ' ';
}

void tar_resize(struct buffer *out, const char like[TAR_BLOCK], int64_t size) {
    char header[TAR_BLOCK];
    memcpy(header, like, TAR_BLOCK);
    put_size(header, size);
    put_sum(header);
    buffer_append(out, header, TAR_BLOCK);
}

static void pad(struct buffer *out, int64_t size) {
    static const char zeros[TAR_BLOCK];
    buffer_append(out, zeros, (size_t)(tar_padded(size) - size));
}

// A name that has no room in the header stands before it, as GNU tar and Python have it.
void tar_header(struct buffer *out, const char like[TAR_BLOCK], const char *name, int64_t size) {
    char header[TAR_BLOCK];
    const size_t length = strlen(name);
    memcpy(header, like, TAR_BLOCK);
    memset(header, 0, NAME_SIZE);
    memset(header + LINK_AT, 0, NAME_SIZE);
    memset(header + PREFIX_AT, 0, PREFIX_SIZE);
    if (length > NAME_SIZE) {
        strcpy(header, "././@LongLink");
        header[TYPE_AT] = 'L';
        tar_resize(out, header, (int64_t)length + 1);
        buffer_append(out, name, length + 1);
        pad(out, (int64_t)length + 1);
    }
    memcpy(header, name, length < NAME_SIZE ? length : NAME_SIZE);
    header[TYPE_AT] = '0';
    tar_resize(out, header, size);
}
