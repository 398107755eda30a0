// Shards are written in the order of the list, as each one's pictures have all come. Meanwhile main goes on with the
// next.
#include "relabel.h"

#include <stdlib.h>

#include "base/file.h"

static bool is_ready(const struct work *work) {
    return work && work->is_listed && work->come == work->listed;
}

// NULL: there will be none.
static struct work *wait_for_work(struct relabel *self) {
    pthread_mutex_lock(&self->lock);
    while (!self->stops && !is_ready(self->first) && !(self->is_fed && !self->first))
        pthread_cond_wait(&self->moved, &self->lock);
    struct work *work = self->stops ? NULL : self->first;
    pthread_mutex_unlock(&self->lock);
    return work;
}

static void take_out(struct relabel *self, bool is_done) {
    pthread_mutex_lock(&self->lock);
    struct work *work = self->first;
    self->first = work->next;
    if (!self->first) self->last = NULL;
    self->works--;
    self->copies -= work->plain.is_copy;
    self->done += is_done;
    self->damaged += !is_done;
    pthread_cond_broadcast(&self->moved);
    pthread_mutex_unlock(&self->lock);
}

// What came is of no use to anybody any more, and neither is what the dead have begun to write.
static int finish(struct relabel *self, struct work *work) {
    int status = work->is_damaged ? -EXIT_DATA : assemble(self, work);
    if (status && status != -EXIT_DATA) return status;
    directory_remove(work->aside);
    if (work->is_claimed) claims_give(self->claims, work->shard->name);
    take_out(self, !status);
    work_close(&work);
    return 0;
}

void *finisher_run(void *relabel) {
    struct relabel *self = relabel;
    struct work *work;
    int status = 0;
    while (!status && (work = wait_for_work(self))) {
        status = relabel_settle(self);
        if (!status) status = finish(self, work);
    }
    if (status) relabel_fail(self, status);
    return NULL;
}
