// How an object comes into a cache: on from where a part stands, into a hash on its way, and to the disk before it has
// its name.
#include "remote/cache_fill.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "remote/server.h"

enum { BLOCK = 256 << 10 };

int cache_hash_file(int fd, struct hash_stream *hash, int64_t *size) {
    char *bytes = xmalloc(BLOCK);
    ssize_t got;
    *size = 0;
    hash_stream_begin(hash);
    while ((got = pread(fd, bytes, BLOCK, *size)) > 0) {
        hash_stream_add(hash, bytes, (size_t)got);
        *size += got;
    }
    free(bytes);
    return got ? -1 : 0;
}

// Of a part that was left: what was written before the host started last may be lacking in the middle.
static bool is_of_this_boot(const struct stat *part) {
    struct timespec now, up;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &up);
    return part->st_mtim.tv_sec > now.tv_sec - up.tv_sec;
}

// Where a part goes on; all of it is in the hash.
static int continue_part(const struct object *object, int fd, int64_t *from, struct hash_stream *hash) {
    struct stat info;
    hash_stream_begin(hash);
    *from = 0;
    if (!fstat(fd, &info) && info.st_size <= object->bytes && (object->tag || object->is_hashed) &&
        is_of_this_boot(&info) && cache_hash_file(fd, hash, from))
        return -1;
    return *from ? 0 : ftruncate(fd, 0);
}

static int write_all(int fd, const char *bytes, size_t size, int64_t at) {
    while (size) {
        const ssize_t written = pwrite(fd, bytes, size, at);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return -1;
        bytes += written;
        at += written;
        size -= (size_t)written;
    }
    return 0;
}

static int receive(const struct cache_book *book, struct source *source, const struct object *object, int fd,
                   int64_t at, struct hash_stream *hash, struct failure *failure) {
    char *bytes = xmalloc(BLOCK);
    ssize_t got;
    int status = 0;
    while (!status && (got = source->read(source, bytes, BLOCK, failure))) {
        if (got < 0)
            status = (int)got;
        else if (got > object->bytes - at)
            status = failure_changed(failure, object, -1, NULL);
        else if (write_all(fd, bytes, (size_t)got, at))
            status = cache_book_fail(book, "cannot be written", failure);
        else {
            hash_stream_add(hash, bytes, (size_t)got);
            at += got;
        }
    }
    free(bytes);
    if (!status && fsync(fd)) status = cache_book_fail(book, "cannot be written", failure);
    return status;
}

static int check_hash(const struct object *object, const struct hash_stream *hash, struct failure *failure) {
    const uint64_t found = hash_stream_end(hash);
    if (!object->is_hashed || found == object->hash) return 0;
    return failure_set(failure, EXIT_DATA,
                       "%s: its bytes are others than were indexed (XXH64 %016llx instead of %016llx); restore it, or "
                       "index again",
                       object->url, (unsigned long long)found, (unsigned long long)object->hash);
}

// The rest of a part. A part that was wrong from the start is given up for a new one.
static int fill_part(const struct cache_book *book, const struct remote_options *options, const struct object *object,
                     int fd, struct failure *failure) {
    struct hash_stream hash;
    int64_t from;
    if (continue_part(object, fd, &from, &hash)) return cache_book_fail(book, "cannot be written", failure);
    int status = 0;
    if (from < object->bytes) {
        struct source *source = server_open(object, from, -1, options);
        status = receive(book, source, object, fd, from, &hash, failure);
        source->close(source);
    }
    if (!status)
        status = check_hash(object, &hash, failure);
    else if (status == -EXIT_RUN)
        return status;
    if (!status || !from) return status;
    return ftruncate(fd, 0) ? status : fill_part(book, options, object, fd, failure);
}

int cache_fill(const struct cache_book *book, const struct remote_options *options, const struct object *object,
               const char *name, int fd, struct failure *failure) {
    int status = fill_part(book, options, object, fd, failure);
    if (status == -EXIT_DATA || (status && failure->disk_full)) cache_book_drop_part(book, name);
    return status ? status : cache_book_finish(book, name, failure);
}
