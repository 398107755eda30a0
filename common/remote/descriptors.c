// Slots for open files. The one used longest ago gives way to a new one; a thread that finds all of them in use opens
// its file for itself. What is open stays the file that it was, also where another is renamed over it. Files are opened
// and read outside the lock: an object of a server may first have to come.
#include "remote/descriptors.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

enum { OPEN_FILES = 64, NOBODY = -1 };

struct slot {
    int number; // NOBODY: it is not to be found any more
    int fd;     // −1: free
    int users;
    uint64_t used;
};

struct descriptors {
    struct descriptor_calls calls;
    pthread_mutex_t lock;
    struct slot slot[OPEN_FILES];
    uint64_t now;
};

void descriptors_open(struct descriptors **descriptors, struct descriptor_calls calls) {
    struct descriptors *self = *descriptors = xcalloc(1, sizeof *self);
    self->calls = calls;
    pthread_mutex_init(&self->lock, NULL);
    for (int i = 0; i < OPEN_FILES; i++) self->slot[i] = (struct slot){.number = NOBODY, .fd = -1};
}

void descriptors_close(struct descriptors **descriptors) {
    struct descriptors *self = *descriptors;
    if (!self) return;
    for (int i = 0; i < OPEN_FILES; i++)
        if (self->slot[i].fd >= 0) close(self->slot[i].fd);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *descriptors = NULL;
}

static struct slot *find(struct descriptors *self, int number) {
    for (int i = 0; i < OPEN_FILES; i++)
        if (self->slot[i].number == number) return &self->slot[i];
    return NULL;
}

// NULL: all are in use.
static struct slot *oldest(struct descriptors *self) {
    struct slot *chosen = NULL;
    for (int i = 0; i < OPEN_FILES; i++)
        if (!self->slot[i].users && (!chosen || self->slot[i].used < chosen->used)) chosen = &self->slot[i];
    return chosen;
}

static void empty(struct slot *slot) {
    if (slot->fd >= 0) close(slot->fd);
    *slot = (struct slot){.number = NOBODY, .fd = -1};
}

// The slot of the file, in use; NULL: it is not open.
static struct slot *take(struct descriptors *self, int number) {
    pthread_mutex_lock(&self->lock);
    struct slot *slot = find(self, number);
    if (slot) slot->users++, slot->used = ++self->now;
    pthread_mutex_unlock(&self->lock);
    return slot;
}

// A slot for what this thread has opened, in use. NULL: it stays the caller's, as all are in use, or another thread was
// faster.
static struct slot *keep(struct descriptors *self, int number, int fd) {
    pthread_mutex_lock(&self->lock);
    struct slot *slot = find(self, number) ? NULL : oldest(self);
    if (slot) {
        empty(slot);
        *slot = (struct slot){.number = number, .fd = fd, .users = 1, .used = ++self->now};
    }
    pthread_mutex_unlock(&self->lock);
    return slot;
}

// A file that could not be read may be put right again: it is opened anew then.
static void give_back(struct descriptors *self, struct slot *slot, bool wrong) {
    pthread_mutex_lock(&self->lock);
    slot->users--;
    if (wrong) slot->number = NOBODY;
    if (slot->number == NOBODY && !slot->users) empty(slot);
    pthread_mutex_unlock(&self->lock);
}

static int read_once(struct descriptors *self, int number, int64_t offset, void *bytes, size_t size,
                     struct failure *failure) {
    const struct descriptor_calls *calls = &self->calls;
    struct slot *slot = take(self, number);
    const int fd = slot ? slot->fd : calls->open(calls->context, number, failure);
    if (fd < 0) return fd;
    if (!slot) slot = keep(self, number, fd);
    const int status = calls->read(calls->context, number, fd, offset, bytes, size, failure);
    if (slot)
        give_back(self, slot, status != 0);
    else
        close(fd);
    return status;
}

int descriptors_read(struct descriptors *self, int number, int64_t offset, void *bytes, size_t size,
                     struct failure *failure) {
    int status;
    do status = read_once(self, number, offset, bytes, size, failure);
    while (status == DESCRIPTOR_GONE);
    return status;
}

void descriptors_sweep(struct descriptors *self) {
    struct stat info;
    pthread_mutex_lock(&self->lock);
    for (int i = 0; i < OPEN_FILES; i++) {
        struct slot *slot = &self->slot[i];
        if (slot->fd >= 0 && !slot->users && !fstat(slot->fd, &info) && !info.st_nlink) empty(slot);
    }
    pthread_mutex_unlock(&self->lock);
}
