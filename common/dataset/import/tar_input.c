// Files and stdin libarchive reads best, which passes over what nobody asks for and takes FIFOs. Objects of servers and
// commands, and files whose length, time and hash are asked for, come as streams, which report their own failures.
#include "dataset/import/tar_input.h"

#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>

#include "base/fail.h"
#include "base/memory.h"

#define BLOCK_BYTES (256 << 10)

static la_ssize_t read_block(struct archive *archive, void *context, const void **bytes) {
    struct tar_input *input = context;
    const ssize_t got = object_stream_read(input->stream, input->block, BLOCK_BYTES);
    *bytes = input->block;
    if (got >= 0) return got;
    input->status = (int)got;
    archive_set_error(archive, EIO, "cannot be read");
    return ARCHIVE_FATAL;
}

static void begin(struct tar_input *input) {
    *input = (struct tar_input){.archive = xchecked(archive_read_new(), "libarchive"), .own = {.bytes = -1}};
    archive_read_support_filter_all(input->archive);
    archive_read_support_format_tar(input->archive);
}

static int open_stream(struct tar_input *input, const char *path, struct object *object) {
    if (!object) {
        input->own.url = xstrdup(path);
        object = &input->own;
    }
    input->block = xmalloc(BLOCK_BYTES);
    input->status = object_stream_open(&input->stream, object, NULL);
    if (input->status) return input->status;
    const int code = archive_read_open2(input->archive, input, NULL, read_block, NULL, NULL);
    return code == ARCHIVE_OK ? 0 : tar_input_failed(input, path, "");
}

int tar_input_open(struct tar_input *input, const char *path, struct object *object) {
    begin(input);
    if (object || (path && object_kind_of(path) != OBJECT_FILE)) return open_stream(input, path, object);
    const int code = archive_read_open_filename(input->archive, path, BLOCK_BYTES);
    return code == ARCHIVE_OK ? 0 : tar_input_failed(input, path ? path : "stdin", "");
}

int tar_input_open_bytes(struct tar_input *input, const char *name, struct span bytes) {
    begin(input);
    const int code = archive_read_open_memory(input->archive, bytes.bytes, bytes.size);
    return code == ARCHIVE_OK ? 0 : tar_input_failed(input, name, "");
}

void tar_input_close(struct tar_input *input) {
    archive_read_free(input->archive);
    if (input->stream) object_stream_close(&input->stream);
    object_release(&input->own);
    free(input->block);
}

int tar_input_failed(const struct tar_input *input, const char *path, const char *more) {
    if (input->status) return input->status;
    return error(EXIT_DATA, "%s: %s%s", path, archive_error_string(input->archive), more);
}

int tar_input_check_places(const struct tar_input *input, const char *path) {
    if (archive_filter_code(input->archive, 0) == ARCHIVE_FILTER_NONE) return 0;
    return error(EXIT_DATA,
                 "%s: is compressed (%s), so its members have no places; decompress it, or pack it: coca-pack pack "
                 "--from tar",
                 path, archive_filter_name(input->archive, 0));
}

int tar_input_end(struct tar_input *input) {
    ssize_t got = 0;
    while (input->stream && (got = object_stream_read(input->stream, input->block, BLOCK_BYTES)) > 0) continue;
    return got < 0 ? (int)got : 0;
}

static int check_members(struct tar_input *input, const char *path) {
    struct archive_entry *entry;
    int code, status = 0;
    while (!status && (code = archive_read_next_header(input->archive, &entry)) != ARCHIVE_EOF)
        status = code < ARCHIVE_WARN ? tar_input_failed(input, path, "") : tar_input_check_places(input, path);
    return status ? status : tar_input_end(input);
}

int tar_input_check(const char *path) {
    struct tar_input input;
    struct object object = {.url = xstrdup(path), .bytes = -1};
    int status = tar_input_open(&input, path, &object);
    if (!status) status = check_members(&input, path);
    tar_input_close(&input);
    object_release(&object);
    return status;
}
