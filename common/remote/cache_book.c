// Eviction goes by the time of modification, which a reader sets when it uses a file. A reader needs no lock: what it
// has open stays until it closes it, at the end of one read.
#include "remote/cache_book.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"

struct entry {
    char *name;
    int64_t bytes, used; // used: in ns
    bool is_part;
};
struct listing {
    struct entry *entry;
    size_t count, capacity;
    int64_t bytes;
};

void cache_name(char name[CACHE_NAME_SIZE], const struct object *object) {
    char *text = xformat("%s\n%s\n%lld", object->url, object->tag ? object->tag : "", (long long)object->bytes);
    snprintf(name, CACHE_NAME_SIZE, "%016llx-%lld", (unsigned long long)hash_text(text, 0), (long long)object->bytes);
    free(text);
}

int cache_book_fail(const struct cache_book *book, const char *what, struct failure *failure) {
    const int reason = errno;
    const bool full = reason == ENOSPC || reason == EDQUOT;
    failure_set(failure, EXIT_RUN, "%s: the cache %s: %s%s", book->folder, what, strerror(reason),
                full ? "; free some space, or give it fewer bytes or another folder" : "");
    failure->disk_full = full;
    return -EXIT_RUN;
}

// False: a file of somebody else.
static bool entry_read(struct entry *entry, const char *name) {
    char again[CACHE_NAME_SIZE + 8];
    unsigned long long hash;
    long long bytes;
    if (sscanf(name, "%16llx-%lld", &hash, &bytes) != 2 || bytes < 0) return false;
    entry->bytes = bytes;
    entry->is_part = text_ends(name, ".part");
    snprintf(again, sizeof again, "%016llx-%lld%s", hash, bytes, entry->is_part ? ".part" : "");
    return !strcmp(again, name);
}

static void listing_add(struct listing *list, const struct cache_book *book, const char *name) {
    struct entry entry = {0};
    struct stat info;
    if (!entry_read(&entry, name)) return;
    char *path = path_join(book->folder, name);
    const bool gone = stat(path, &info) != 0;
    free(path);
    if (gone) return;
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 64;
        list->entry = xrealloc_array(list->entry, list->capacity, sizeof *list->entry);
    }
    entry.name = xstrdup(name);
    entry.used = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    list->entry[list->count++] = entry;
    list->bytes += entry.bytes;
}

static int by_use(const void *left, const void *right) {
    const struct entry *a = left, *b = right;
    return (a->used > b->used) - (a->used < b->used);
}

static int list_folder(const struct cache_book *book, struct listing *list, struct failure *failure) {
    DIR *folder = opendir(book->folder);
    if (!folder) return cache_book_fail(book, "cannot be read", failure);
    for (struct dirent *next; (next = readdir(folder));) listing_add(list, book, next->d_name);
    closedir(folder);
    if (list->count) qsort(list->entry, list->count, sizeof *list->entry, by_use);
    return 0;
}

static void listing_release(struct listing *list) {
    for (size_t i = 0; i < list->count; i++) free(list->entry[i].name);
    free(list->entry);
}

static int lock_file(int fd, int how) {
    int status;
    while ((status = flock(fd, how)) && errno == EINTR) continue;
    return status;
}

static int lock_book(const struct cache_book *book, struct failure *failure) {
    char *path = path_join(book->folder, "lock");
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    free(path);
    if (fd < 0) return cache_book_fail(book, "cannot be written", failure);
    if (!lock_file(fd, LOCK_EX)) return fd;
    close(fd);
    return cache_book_fail(book, "cannot be locked", failure);
}

// 1: gone, 0: a part that another process writes, or -errno.
static int evict(const struct cache_book *book, const struct entry *entry) {
    char *path = path_join(book->folder, entry->name);
    const int fd = entry->is_part ? open(path, O_RDWR | O_CLOEXEC) : -1;
    int failed = entry->is_part && fd < 0 && errno != ENOENT ? errno : 0;
    const bool free_to_go = fd < 0 || !lock_file(fd, LOCK_EX | LOCK_NB);
    if (!failed && free_to_go && unlink(path) && errno != ENOENT) failed = errno;
    if (fd >= 0) close(fd);
    free(path);
    return failed ? -failed : free_to_go;
}

// CACHE_MINE: there is room for so many bytes more; CACHE_FULL; -code
static int make_room(const struct cache_book *book, int64_t bytes, struct failure *failure) {
    struct listing list = {0};
    int status = list_folder(book, &list, failure);
    if (status) return status;
    int stuck = 0;
    for (size_t i = 0; i < list.count && list.bytes > book->bound - bytes; i++) {
        const int gone = evict(book, &list.entry[i]);
        if (gone > 0) list.bytes -= list.entry[i].bytes;
        if (gone < 0) stuck = -gone;
    }
    status = list.bytes > book->bound - bytes ? CACHE_FULL : CACHE_MINE;
    listing_release(&list);
    errno = stuck;
    return status == CACHE_FULL && stuck ? cache_book_fail(book, "cannot give up a file", failure) : status;
}

static char *part_path(const struct cache_book *book, const char *name) {
    return xformat("%s/%s.part", book->folder, name);
}

static int take_part(const struct cache_book *book, const char *path, int64_t bytes, int *fd, struct failure *failure) {
    if (!file_exists(path)) {
        const int status = make_room(book, bytes, failure);
        if (status != CACHE_MINE) return status;
    }
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0) return cache_book_fail(book, "cannot be written", failure);
    if (!lock_file(*fd, LOCK_EX | LOCK_NB)) return CACHE_MINE;
    const bool busy = errno == EWOULDBLOCK;
    close(*fd);
    return busy ? CACHE_BUSY : cache_book_fail(book, "cannot be locked", failure);
}

int cache_book_take(const struct cache_book *book, const char *name, int64_t bytes, int *fd, struct failure *failure) {
    const int lock = lock_book(book, failure);
    if (lock < 0) return lock;
    char *whole = path_join(book->folder, name), *part = part_path(book, name);
    const int place = file_exists(whole) ? CACHE_WHOLE : take_part(book, part, bytes, fd, failure);
    close(lock);
    free(whole);
    free(part);
    return place;
}

int cache_book_finish(const struct cache_book *book, const char *name, struct failure *failure) {
    const int lock = lock_book(book, failure);
    if (lock < 0) return lock;
    char *whole = path_join(book->folder, name), *part = part_path(book, name);
    const int status = rename(part, whole) ? cache_book_fail(book, "cannot be written", failure) : 0;
    close(lock);
    free(whole);
    free(part);
    return status;
}

void cache_book_drop_part(const struct cache_book *book, const char *name) {
    struct failure ignored;
    char *part = part_path(book, name);
    const int lock = lock_book(book, &ignored);
    unlink(part);
    if (lock >= 0) close(lock);
    free(part);
}

int cache_book_drop(const struct cache_book *book, const char *name, int fd, struct failure *failure) {
    struct stat open_one, named;
    const int lock = lock_book(book, failure);
    if (lock < 0) return lock;
    char *path = path_join(book->folder, name);
    int status = 0;
    if (!fstat(fd, &open_one) && !stat(path, &named) && open_one.st_ino == named.st_ino && unlink(path))
        status = cache_book_fail(book, "has a damaged file that cannot be removed", failure);
    close(lock);
    free(path);
    return status;
}
