// A free list of the process. A connection belongs to one thread at a time, and takes with it the sockets that it has
// open, so that whoever asks the same server next needs no new one.
#include "remote/connection.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { KEPT = 32 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct connection *idle;
static int idle_count;

static struct connection *take_idle(void) {
    pthread_mutex_lock(&lock);
    struct connection *self = idle;
    if (self) {
        idle = self->next;
        idle_count--;
    }
    pthread_mutex_unlock(&lock);
    return self;
}

struct connection *connection_take(const char *url, struct failure *failure) {
    struct connection *self = take_idle();
    if (self) return self;
    const struct remote_backend *backend = remote_backend_load(failure);
    if (!backend) {
        char *reason = xstrdup(failure->text);
        failure_set(failure, EXIT_RUN, "%s: %s", url, reason);
        free(reason);
        return NULL;
    }
    self = xcalloc(1, sizeof *self);
    *self = (struct connection){.backend = backend, .state = xchecked(backend->open(), "libcurl")};
    return self;
}

void connection_give(struct connection *self) {
    if (!self) return;
    self->backend->end(self->state);
    pthread_mutex_lock(&lock);
    const bool kept = idle_count < KEPT;
    if (kept) {
        self->next = idle;
        idle = self;
        idle_count++;
    }
    pthread_mutex_unlock(&lock);
    if (kept) return;
    self->backend->close(self->state);
    free(self);
}
