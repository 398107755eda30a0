// Slots for open files. The one used longest ago gives way to a new one; a thread that finds all of them in use opens
// its file for itself. What is open stays the file that it was, also where another is renamed over it.
#include "remote/descriptors.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "remote/local.h"

enum { OPEN_FILES = 64 };

struct slot {
    int number, fd, users; // fd −1: free
    uint64_t used;
};

struct descriptors {
    const struct object *object;
    pthread_mutex_t lock;
    struct slot slot[OPEN_FILES];
    uint64_t now;
};

void descriptors_open(struct descriptors **descriptors, const struct object *object) {
    struct descriptors *self = *descriptors = xcalloc(1, sizeof *self);
    self->object = object;
    pthread_mutex_init(&self->lock, NULL);
    for (int i = 0; i < OPEN_FILES; i++) self->slot[i] = (struct slot){.number = -1, .fd = -1};
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

// A descriptor, in `*slot` or, where that is NULL, the caller's own; or -code.
static int take(struct descriptors *self, int number, struct slot **slot, struct failure *failure) {
    *slot = find(self, number);
    if (!*slot) {
        const int fd = local_open(self->object[number].url, failure);
        if (fd < 0) return fd;
        *slot = oldest(self);
        if (!*slot) return fd;
        if ((*slot)->fd >= 0) close((*slot)->fd);
        **slot = (struct slot){.number = number, .fd = fd};
    }
    (*slot)->users++;
    (*slot)->used = ++self->now;
    return (*slot)->fd;
}

// A file that is not the one that is known may be put right again: it is opened anew then.
static void give_back(struct slot *slot, bool wrong) {
    slot->users--;
    if (!wrong || slot->users) return;
    close(slot->fd);
    *slot = (struct slot){.number = -1, .fd = -1};
}

int descriptors_read(struct descriptors *self, int number, int64_t offset, void *bytes, size_t size,
                     struct failure *failure) {
    struct slot *slot;
    pthread_mutex_lock(&self->lock);
    const int fd = take(self, number, &slot, failure);
    pthread_mutex_unlock(&self->lock);
    if (fd < 0) return fd;
    const int status = local_read(fd, &self->object[number], offset, bytes, size, failure);
    if (!slot) {
        close(fd);
        return status;
    }
    pthread_mutex_lock(&self->lock);
    give_back(slot, status != 0);
    pthread_mutex_unlock(&self->lock);
    return status;
}
