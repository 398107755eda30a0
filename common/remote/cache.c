// Reads of a cache's files; cache_fill.c is how they come into it. Those that are read stay open for a while; one that was evicted is
// closed within a second of reads, as it takes room until then. Its length is looked at when it is opened, its hash when
// this process first meets it.
#include "remote/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "remote/cache_book.h"
#include "remote/cache_fill.h"
#include "remote/descriptors.h"

struct use {
    atomic_bool verified; // by this process
    _Atomic double told;  // when others were told that it is used
};

struct cache {
    const struct object *object;
    const struct remote_options *options; // of reads
    struct cache_book book;
    struct use *use;
    struct descriptors *files;
    _Atomic double swept; // when files that were evicted were closed
};

bool cache_takes(const struct object *object) {
    const enum object_kind kind = object_kind_of(object->url);
    return (kind == OBJECT_HTTP || kind == OBJECT_S3) && object->bytes >= 0;
}

static bool is_right(struct cache *self, int number, int fd) {
    const struct object *object = &self->object[number];
    struct stat info;
    struct hash_stream hash;
    int64_t size;
    if (fstat(fd, &info) || info.st_size != object->bytes) return false;
    if (!object->is_hashed || self->use[number].verified) return true;
    self->use[number].verified = !cache_hash_file(fd, &hash, &size) && hash_stream_end(&hash) == object->hash;
    return self->use[number].verified;
}

enum { NONE = INT_MAX };

// The descriptor of the whole file, NONE where there is none that is right, or -code.
static int open_whole(struct cache *self, int number, const char *name, struct failure *failure) {
    char *path = path_join(self->book.folder, name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    free(path);
    if (fd < 0) return errno == ENOENT ? NONE : cache_book_fail(&self->book, "has a file that cannot be read", failure);
    if (is_right(self, number, fd)) return fd;
    note("%s: its file in the cache is damaged, and is fetched again: %s/%s", self->object[number].url,
         self->book.folder, name);
    const int status = cache_book_drop(&self->book, name, fd, failure);
    close(fd);
    return status ? status : NONE;
}

// A descriptor of the whole object, fetched where it is not there; or -code. NONE: another fetches it, and `waits` is
// false.
static int open_object(struct cache *self, const struct remote_options *options, int number, bool waits,
                       struct failure *failure) {
    char name[CACHE_NAME_SIZE];
    cache_name(name, &self->object[number]);
    for (;;) {
        int fd = open_whole(self, number, name, failure);
        if (fd != NONE) return fd;
        const int place = cache_book_take(&self->book, name, self->object[number].bytes, &fd, failure);
        if (place < 0) return place;
        if (place == CACHE_MINE) {
            const int status = cache_fill(&self->book, options, &self->object[number], name, fd, failure);
            if (!status) self->use[number].verified = true;
            if (!status) return fd;
            close(fd);
            return status;
        }
        if (place == CACHE_BUSY && !waits) return NONE;
        if (place != CACHE_WHOLE) remote_pause(options, 0.02);
        if (remote_is_stopped(options)) return failure_stopped(failure, self->object[number].url);
    }
}

// Once a second those who evict are told that the file is used, and whether they have is looked at. False: it is gone.
static bool tell_use(struct use *use, int fd) {
    const double now = clock_seconds();
    struct stat info;
    if (now - use->told < 1) return true;
    use->told = now;
    return !fstat(fd, &info) && info.st_nlink && !futimens(fd, NULL);
}

static int open_for_reads(void *context, int number, struct failure *failure) {
    struct cache *self = context;
    return open_object(self, self->options, number, true, failure);
}

static int read_open(void *context, int number, int fd, int64_t offset, void *bytes, size_t size,
                     struct failure *failure) {
    struct cache *self = context;
    char *to = bytes;
    ssize_t got = 0;
    if (!tell_use(&self->use[number], fd)) return DESCRIPTOR_GONE;
    while (size && (got = pread(fd, to, size, offset)) > 0) {
        to += got;
        offset += got;
        size -= (size_t)got;
    }
    if (!size) return 0;
    if (!got) errno = EIO;
    return cache_book_fail(&self->book, "cannot be read", failure);
}

static int check_room(const struct object *object, int count, int64_t bound, struct failure *failure) {
    const struct object *largest = NULL;
    for (int i = 0; i < count; i++)
        if (cache_takes(&object[i]) && (!largest || object[i].bytes > largest->bytes)) largest = &object[i];
    if (!largest || largest->bytes <= bound) return 0;
    return failure_set(failure, EXIT_USAGE, "%s: its %lld bytes are more than the %lld of the cache; make it larger",
                       largest->url, (long long)largest->bytes, (long long)bound);
}

static int check_folder(const char *folder, struct failure *failure) {
    if (directory_make(folder)) return failure_set(failure, EXIT_USAGE, "%s: no folder for a cache", folder);
    if (!access(folder, R_OK | W_OK | X_OK)) return 0;
    return failure_set(failure, EXIT_USAGE, "%s: the cache cannot be written: %s; name another folder", folder,
                       strerror(errno));
}

int cache_open(struct cache **cache, const struct object *object, int count, const struct remote_options *options,
               struct failure *failure) {
    int status = check_room(object, count, options->cache_bytes, failure);
    if (!status) status = check_folder(options->cache, failure);
    if (status) return status;
    struct cache *self = *cache = xcalloc(1, sizeof *self);
    *self = (struct cache){.object = object,
                           .options = options,
                           .use = xcalloc((size_t)count + 1, sizeof *self->use)};
    descriptors_open(&self->files, (struct descriptor_calls){self, open_for_reads, read_open});
    self->book = (struct cache_book){.folder = xstrdup(options->cache), .bound = options->cache_bytes};
    return 0;
}

void cache_close(struct cache **cache) {
    if (!*cache) return;
    descriptors_close(&(*cache)->files);
    free((*cache)->book.folder);
    free((*cache)->use);
    free(*cache);
    *cache = NULL;
}

static void sweep(struct cache *self) {
    const double now = clock_seconds();
    if (now - self->swept < 1) return;
    self->swept = now;
    descriptors_sweep(self->files);
}

int cache_read(struct cache *self, int number, int64_t offset, char *bytes, size_t size, struct failure *failure) {
    sweep(self);
    return descriptors_read(self->files, number, offset, bytes, size, failure);
}

int cache_fetch(struct cache *self, const struct remote_options *options, int number, struct failure *failure) {
    const int fd = open_object(self, options, number, false, failure);
    if (fd < 0) return fd;
    if (fd != NONE) close(fd);
    return 0;
}

void cache_touch(struct cache *self, int number) {
    char name[CACHE_NAME_SIZE];
    cache_name(name, &self->object[number]);
    char *path = path_join(self->book.folder, name);
    utimensat(AT_FDCWD, path, NULL, 0);
    free(path);
}
