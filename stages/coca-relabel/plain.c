// Copies are made whole before anything of them is used, so a shard that is cut elsewhere is known before a picture of
// it is captioned.
#include "plain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "dataset/import/stream.h"
#include "remote/object.h"
#include "stage/stage.h"

enum { BLOCK_BYTES = 256 << 10 };

static int cannot_write(const char *path) {
    return error(EXIT_RUN, "%s: cannot be written: %s: TMPDIR says where copies of shards go", path, strerror(errno));
}

// ---- copies

typedef ssize_t read_some(void *from, void *bytes, size_t size);

static int copy(const char *to, read_some *read, void *from) {
    FILE *file = fopen(to, "wbe");
    if (!file) return cannot_write(to);
    char *block = xmalloc(BLOCK_BYTES);
    ssize_t got = 0;
    bool written = true;
    while (written && (got = read(from, block, BLOCK_BYTES)) > 0)
        written = fwrite(block, 1, (size_t)got, file) == (size_t)got;
    free(block);
    if (fclose(file)) written = false;
    if (got < 0) return -EXIT_DATA; // of the shard, whatever kept it from being read
    return written ? 0 : cannot_write(to);
}

static ssize_t read_object(void *from, void *bytes, size_t size) {
    return object_stream_read(from, bytes, size);
}

static ssize_t read_stream(void *from, void *bytes, size_t size) {
    const size_t got = stream_read(from, bytes, size);
    return stream_status(from) ? stream_status(from) : (ssize_t)got;
}

static char *object_identity(const struct object *object) {
    return xformat("%lld bytes, %s", (long long)object->bytes, object->tag ? object->tag : "no tag");
}

// `*identity` is the caller's.
static int fetch(const char *url, const char *path, char **identity) {
    struct object object = {.url = xstrdup(url), .bytes = -1};
    struct object_stream *stream;
    struct remote_options options = REMOTE_DEFAULTS;
    options.stopped = stage_stopping;
    int status = object_stream_open(&stream, &object, &options) ? -EXIT_DATA : 0;
    if (!status) {
        status = copy(path, read_object, stream);
        object_stream_close(&stream);
    }
    *identity = status ? NULL : object_identity(&object);
    object_release(&object);
    return status;
}

int plain_fetch(const char *url, const char *path) {
    char *identity;
    int status = fetch(url, path, &identity);
    free(identity);
    return status;
}

static int unpack(const char *from, const char *to) {
    struct stream *stream;
    int status = stream_open(&stream, from);
    if (status) return status;
    status = copy(to, read_stream, stream);
    stream_close(&stream);
    return status;
}

// ---- whether it needs one

// A name may lie: what is packed its bytes say.
static bool is_packed(const char *path) {
    static const struct {
        const char *bytes;
        size_t size;
    } marks[] = {{"\x1f\x8b", 2}, {"\x28\xb5\x2f\xfd", 4}, {"\xfd\x37zXZ", 5}, {"BZh", 3}};
    char front[8] = "";
    FILE *file = fopen(path, "rbe");
    const size_t got = file ? fread(front, 1, sizeof front, file) : 0;
    if (file) fclose(file);
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (got >= marks[i].size && !memcmp(front, marks[i].bytes, marks[i].size)) return true;
    return false;
}

static int look(struct plain *plain, const struct shard *shard) {
    struct stat info;
    if (stat(shard->from, &info)) return error(EXIT_DATA, "%s: cannot be read: %s", shard->from, strerror(errno));
    plain->path = xstrdup(shard->from);
    plain->identity = xformat("%lld bytes of %lld.%09ld", (long long)info.st_size, (long long)info.st_mtim.tv_sec,
                              info.st_mtim.tv_nsec);
    return 0;
}

static int unpack_in_place(struct plain *plain, const char *scratch, const struct shard *shard) {
    char *unpacked = xformat("%s/%s.unpacked", scratch, shard->name);
    int status = unpack(plain->path, unpacked);
    if (plain->is_copy) remove(plain->path);
    free(plain->path);
    plain->path = unpacked;
    plain->is_copy = true;
    return status;
}

int plain_open(struct plain *plain, const struct shard *shard, const char *scratch) {
    *plain = (struct plain){.pictures = xformat("%s/%s.pictures", scratch, shard->name), .is_copy = shard->is_remote};
    int status = directory_make(scratch);
    if (shard->is_remote) plain->path = xformat("%s/%s.fetched", scratch, shard->name);
    if (!status) status = shard->is_remote ? fetch(shard->from, plain->path, &plain->identity) : look(plain, shard);
    if (!status && shard->kind == SHARD_TAR && is_packed(plain->path)) status = unpack_in_place(plain, scratch, shard);
    return status;
}

void plain_close(struct plain *plain) {
    if (plain->is_copy && plain->path) remove(plain->path);
    if (plain->pictures) remove(plain->pictures);
    free(plain->path);
    free(plain->pictures);
    free(plain->identity);
    *plain = (struct plain){.path = NULL};
}
