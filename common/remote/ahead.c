// No more of what is asked for is fetched than the cache can hold at once. What of it is there already counts as used
// at that moment, lest it gives way, unread, to what is fetched behind it. Processes that ask for the same objects in
// the same order fetch different ones, since each passes over what another is fetching. Failures are the reader's to
// report, who will come to the same object.
#include "remote/ahead.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/memory.h"

struct ahead {
    struct cache *cache;
    const struct object *object;
    struct remote_options options;
    bool (*stopped)(void); // of the caller
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t asked;
    int *number, count, next;
    bool is_new; // asked since the thread looked
    atomic_bool closing;
};

// remote_options.stopped has no context: the thread is it.
static _Thread_local struct ahead *mine;

static bool is_stopped(void) {
    return mine->closing || (mine->stopped && mine->stopped());
}

// The first is to give way last.
static void keep_what_is_there(struct ahead *self) {
    for (int i = self->count; i-- > 0;) cache_touch(self->cache, self->number[i]);
    self->is_new = false;
}

// The next one, or −1: closing.
static int await(struct ahead *self) {
    pthread_mutex_lock(&self->lock);
    while (self->next >= self->count && !self->closing) pthread_cond_wait(&self->asked, &self->lock);
    if (self->is_new && !self->closing) keep_what_is_there(self);
    const int number = self->closing ? -1 : self->number[self->next++];
    pthread_mutex_unlock(&self->lock);
    return number;
}

static void *run(void *context) {
    struct failure ignored;
    struct ahead *self = mine = context;
    for (int number; (number = await(self)) >= 0;) cache_fetch(self->cache, &self->options, number, &ignored);
    return NULL;
}

void ahead_open(struct ahead **ahead, struct cache *cache, const struct object *object,
                const struct remote_options *options) {
    struct ahead *self = *ahead = xcalloc(1, sizeof *self);
    self->cache = cache;
    self->object = object;
    self->options = *options;
    self->options.stopped = is_stopped;
    self->stopped = options->stopped;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->asked, NULL);
    if (pthread_create(&self->thread, NULL, run, self)) die(EXIT_RUN, "no thread for what is fetched ahead");
}

void ahead_close(struct ahead **ahead) {
    struct ahead *self = *ahead;
    if (!self) return;
    pthread_mutex_lock(&self->lock);
    self->closing = true;
    pthread_cond_signal(&self->asked);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->asked);
    free(self->number);
    free(self);
    *ahead = NULL;
}

void ahead_ask(struct ahead *self, const int *number, int count) {
    int *list = xcalloc((size_t)count + 1, sizeof *list), taken = 0;
    int64_t left = self->options.cache_bytes;
    for (int i = 0; i < count; i++) {
        const struct object *object = &self->object[number[i]];
        if (!cache_takes(object) || !object->bytes) continue;
        if (object->bytes > left) break;
        left -= object->bytes;
        list[taken++] = number[i];
    }
    pthread_mutex_lock(&self->lock);
    free(self->number);
    self->number = list;
    self->count = taken;
    self->next = 0;
    self->is_new = true;
    pthread_cond_signal(&self->asked);
    pthread_mutex_unlock(&self->lock);
}
