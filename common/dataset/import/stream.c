// Bytes of a file or of stdin, decompressed by what they are: libarchive's filters with its format "raw", which gives a
// file as it is. csv.c, jsonl.c and idx.c read lists of any size through it, a block at a time. Callers read bytes and
// ask for the status once, at the end.
#include "dataset/import/stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/lines.h"

#define BLOCK_BYTES (64 << 10)

struct stream {
    struct archive *archive;
    char *path;
    int status;
    uint8_t block[BLOCK_BYTES];
    size_t at, filled;
    bool is_empty; // libarchive wants no data asked of it then
};

static int failed(struct stream *stream) {
    return stream->status = error(EXIT_DATA, "%s: %s", stream->path, archive_error_string(stream->archive));
}

// An empty file is no raw archive to libarchive but a format of its own, and a list of no rows to us.
int stream_open(struct stream **stream, const char *path) {
    struct stream *new = *stream = xcalloc(1, sizeof *new);
    const bool is_stdin = !strcmp(path, "-");
    struct archive_entry *entry;
    new->path = xstrdup(is_stdin ? "stdin" : path);
    new->archive = xchecked(archive_read_new(), "libarchive");
    archive_read_support_filter_all(new->archive);
    archive_read_support_format_raw(new->archive);
    archive_read_support_format_empty(new->archive);
    int code = archive_read_open_filename(new->archive, is_stdin ? NULL : path, BLOCK_BYTES);
    if (code == ARCHIVE_OK) code = archive_read_next_header(new->archive, &entry);
    new->is_empty = code == ARCHIVE_EOF;
    if (code == ARCHIVE_OK || code == ARCHIVE_EOF) return 0;
    int status = failed(new);
    stream_close(stream);
    return status;
}

void stream_close(struct stream **stream) {
    archive_read_free((*stream)->archive);
    free((*stream)->path);
    free(*stream);
    *stream = NULL;
}

// A failure ends the stream like its end; the status tells them apart.
static bool fill(struct stream *stream) {
    if (stream->status || stream->is_empty) return false;
    const la_ssize_t count = archive_read_data(stream->archive, stream->block, BLOCK_BYTES);
    if (count < 0) failed(stream);
    stream->at = 0;
    stream->filled = count > 0 ? (size_t)count : 0;
    return count > 0;
}

// The first block has three bytes, unless there are no more.
void stream_skip_mark(struct stream *stream) {
    const char *bytes = "";
    const size_t size = stream_look(stream, &bytes);
    stream->at += lines_mark(bytes, size);
}

int stream_byte(struct stream *stream) {
    if (stream->at == stream->filled && !fill(stream)) return STREAM_END;
    return stream->block[stream->at++];
}

size_t stream_look(struct stream *stream, const char **bytes) {
    if (stream->at == stream->filled && !fill(stream)) return 0;
    *bytes = (const char *)stream->block + stream->at;
    return stream->filled - stream->at;
}

size_t stream_read(struct stream *stream, void *bytes, size_t size) {
    size_t done = 0;
    while (done < size && (stream->at < stream->filled || fill(stream))) {
        const size_t left = stream->filled - stream->at, count = left < size - done ? left : size - done;
        memcpy((uint8_t *)bytes + done, stream->block + stream->at, count);
        stream->at += count;
        done += count;
    }
    return done;
}

// A last line without its end counts, an empty one behind the last end does not.
bool stream_line(struct stream *stream, struct buffer *line, size_t limit) {
    const char *bytes, *end = NULL;
    size_t size, taken = 0;
    buffer_clear(line);
    for (; !end && (size = stream_look(stream, &bytes)); stream->at += taken) {
        end = memchr(bytes, '\n', size);
        const size_t part = end ? (size_t)(end - bytes) : size;
        taken = part + !!end;
        if (line->size + part > limit) {
            stream->status = error(EXIT_DATA, "%s: a line has more than %zu bytes", stream->path, limit);
            return false;
        }
        buffer_append(line, bytes, part);
    }
    const bool is_line = line->size || end;
    if (line->size) line->bytes[line->size = lines_trim(line->bytes, line->size)] = 0;
    return !stream->status && is_line;
}

int stream_status(const struct stream *stream) {
    return stream->status;
}
