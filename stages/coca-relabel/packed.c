// Compression is libarchive's, whose format "raw" writes nothing of its own.
#include "packed.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

enum { BUFFER_BYTES = 1 << 20 };

struct packed {
    FILE *file;
    struct archive *archive; // NULL: it is not compressed
    char *path;
    int failure; // errno
};

static int cannot_write(const struct packed *packed) {
    return error(EXIT_RUN, "%s: cannot be written: %s", packed->path, strerror(packed->failure));
}

static void note_failure(struct packed *packed) {
    const int code = packed->archive ? archive_errno(packed->archive) : errno;
    if (!packed->failure) packed->failure = code > 0 ? code : EIO;
}

static la_ssize_t write_packed(struct archive *archive, void *context, const void *bytes, size_t size) {
    struct packed *packed = context;
    if (fwrite(bytes, 1, size, packed->file) == size) return (la_ssize_t)size;
    archive_set_error(archive, errno, "cannot be written");
    return -1;
}

// JPEG does not become smaller: of gzip's levels the fastest is enough.
static int begin_packing(struct packed *packed, const char *packing) {
    const char *ending[] = {".gz", ".zst", ".xz", ".bz2"}, *filter[] = {"gzip", "zstd", "xz", "bzip2"};
    struct archive *archive = packed->archive = xchecked(archive_write_new(), "libarchive");
    struct archive_entry *entry = xchecked(archive_entry_new(), "libarchive");
    int code = ARCHIVE_FATAL;
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++)
        if (!strcmp(packing, ending[i])) code = archive_write_add_filter_by_name(archive, filter[i]);
    archive_write_set_format_raw(archive);
    if (!strcmp(packing, ".gz")) {
        archive_write_set_filter_option(archive, "gzip", "timestamp", NULL);
        archive_write_set_filter_option(archive, "gzip", "compression-level", "1");
    }
    archive_write_set_bytes_in_last_block(archive, 1);
    archive_entry_set_filetype(entry, AE_IFREG);
    if (code == ARCHIVE_OK) code = archive_write_open(archive, packed, NULL, write_packed, NULL);
    if (code == ARCHIVE_OK) code = archive_write_header(archive, entry);
    if (code != ARCHIVE_OK) note_failure(packed);
    archive_entry_free(entry);
    return code == ARCHIVE_OK ? 0 : error(EXIT_RUN, "%s: %s", packed->path, archive_error_string(archive));
}

int packed_open(struct packed **packed, const char *path, const char *packing) {
    struct packed *new = *packed = xcalloc(1, sizeof *new);
    new->path = xstrdup(path);
    new->file = fopen(path, "wbe");
    if (!new->file) new->failure = errno;
    int status = new->file ? 0 : cannot_write(new);
    if (!status) setvbuf(new->file, NULL, _IOFBF, BUFFER_BYTES);
    if (!status && packing) status = begin_packing(new, packing);
    if (status) packed_abandon(packed);
    return status;
}

void packed_write(struct packed *packed, const void *bytes, size_t size) {
    if (packed->failure || !size) return;
    const bool written = packed->archive ? archive_write_data(packed->archive, bytes, size) == (la_ssize_t)size
                                         : fwrite(bytes, 1, size, packed->file) == size;
    if (!written) note_failure(packed);
}

int packed_close(struct packed **packed) {
    struct packed *old = *packed;
    if (old->archive && archive_write_close(old->archive) != ARCHIVE_OK) note_failure(old);
    if (!old->failure && (fflush(old->file) || fsync(fileno(old->file)))) old->failure = errno ? errno : EIO;
    int status = old->failure ? cannot_write(old) : 0;
    packed_abandon(packed);
    return status;
}

void packed_abandon(struct packed **packed) {
    struct packed *old = *packed;
    if (!old) return;
    if (old->archive) archive_write_free(old->archive);
    if (old->file) fclose(old->file);
    free(old->path);
    free(old);
    *packed = NULL;
}
