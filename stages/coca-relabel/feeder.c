// Which shard is next, and the lines that its pictures become. Everybody goes through the shards in the same order and
// takes the first that nobody has; those that others have are looked at again until they are done, since an owner may
// die.
#include "relabel.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "dataset/extent.h"
#include "dataset/spool.h"
#include "folder.h"
#include "remote/object.h"

enum { COPIES_AHEAD = 3, WORKS_AHEAD = 64, LOOK_AGAIN = 2 /* seconds */ };

int feeder_begin(struct relabel *self, const char *list) {
    self->left = xcalloc(self->shards.count, sizeof *self->left);
    for (size_t i = 0; i < self->shards.count; i++)
        self->left[i] = !self->parts || (int)(i % (size_t)self->parts) == self->part;
    return spool_writer_open(&self->list, list, self->microbatch);
}

// ---- batches

// True when there is room for one more batch; false when the job stops.
static bool wait_for_room(struct relabel *self) {
    pthread_mutex_lock(&self->lock);
    while (!self->stops && (int64_t)self->batches >= self->batches_ahead) pthread_cond_wait(&self->moved, &self->lock);
    const bool goes_on = !self->stops;
    pthread_mutex_unlock(&self->lock);
    return goes_on;
}

static void grow_ring(struct relabel *self) {
    const size_t capacity = self->batch_capacity ? 2 * self->batch_capacity : 64;
    struct batch *ring = xmalloc(capacity * sizeof *ring);
    for (size_t i = 0; i < self->batches; i++) ring[i] = self->batch[(self->batch_first + i) % self->batch_capacity];
    free(self->batch);
    self->batch = ring;
    self->batch_first = 0;
    self->batch_capacity = capacity;
}

// The batch is known before its lines are in the list, since what they become may come at once.
static int give_batch(struct relabel *self, struct work *work) {
    const int count = spool_begun(&self->list) ? spool_begun(&self->list) : self->microbatch;
    spool_cut(&self->list);
    pthread_mutex_lock(&self->lock);
    if (self->batches == self->batch_capacity) grow_ring(self);
    self->batch[(self->batch_first + self->batches++) % self->batch_capacity] = (struct batch){work, count};
    work->listed += count;
    const int64_t lines_come = self->batches_come * self->microbatch;
    pthread_mutex_unlock(&self->lock);
    int status = spool_flush(&self->list);
    return status ? status : spool_forget(&self->list, lines_come);
}

static int add_picture(struct relabel *self, struct work *work, const struct sample *sample) {
    struct buffer name = {0}, line = {0};
    text_escape(&name, work->shard->own, strlen(work->shard->own));
    buffer_text(&name, "/");
    text_escape(&name, sample->key.bytes, sample->key.size);
    extent_write(&line, &(struct extent){.offset = sample->offset,
                                         .length = sample->length,
                                         .name = name.bytes,
                                         .name_length = (int)name.size,
                                         .path = sample->path.bytes});
    spool_write(&self->list, line.bytes, line.size);
    buffer_release(&name);
    buffer_release(&line);
    if (spool_begun(&self->list)) return 0;
    int status = give_batch(self, work);
    return status || wait_for_room(self) ? status : -EXIT_RUN;
}

// What was taken over are whole microbatches, so those that follow are cut where they were.
static int list_pictures(struct relabel *self, struct work *work) {
    struct source *source;
    const struct sample *sample;
    int64_t pictures = 0;
    int status = source_open(&source, work->shard, &work->plain, SOURCE_LISTS);
    if (status) return status;
    while ((status = source_next(source, &sample)) == 1) {
        if (!sample->is_one || sample->defect.size || pictures++ < work->taken_over) continue;
        if ((status = add_picture(self, work, sample))) break;
    }
    source_close(&source);
    if (spool_begun(&self->list)) {
        const int failure = give_batch(self, work);
        if (!status) status = failure;
    }
    return status;
}

// ---- shards

static void push(struct relabel *self, struct work *work) {
    pthread_mutex_lock(&self->lock);
    if (self->last)
        self->last->next = work;
    else
        self->first = work;
    self->last = work;
    self->works++;
    self->copies += work->plain.is_copy;
    pthread_mutex_unlock(&self->lock);
}

static void end_listing(struct relabel *self, struct work *work, bool is_damaged) {
    pthread_mutex_lock(&self->lock);
    work->is_damaged = is_damaged;
    work->is_listed = true;
    pthread_cond_broadcast(&self->moved);
    pthread_mutex_unlock(&self->lock);
}

static void count_damaged(struct relabel *self) {
    pthread_mutex_lock(&self->lock);
    self->damaged++;
    pthread_mutex_unlock(&self->lock);
}

static bool wait_for_works(struct relabel *self) {
    pthread_mutex_lock(&self->lock);
    while (!self->stops && (self->works >= WORKS_AHEAD || self->copies >= COPIES_AHEAD))
        pthread_cond_wait(&self->moved, &self->lock);
    const bool goes_on = !self->stops;
    pthread_mutex_unlock(&self->lock);
    return goes_on;
}

// A shard that cannot be read is no reason to leave the others.
static int feed(struct relabel *self, const struct shard *shard, bool is_claimed) {
    struct work *work;
    int status = work_open(&work, self, shard);
    if (status) {
        if (is_claimed) claims_give(self->claims, shard->name);
        if (status == -EXIT_DATA) count_damaged(self);
        return status == -EXIT_DATA ? 0 : status;
    }
    work->is_claimed = is_claimed;
    push(self, work);
    status = list_pictures(self, work);
    end_listing(self, work, status != 0);
    return status == -EXIT_DATA ? 0 : status;
}

static int is_done(const struct relabel *self, const struct shard *shard, bool *done) {
    struct object object;
    *done = !self->to_is_remote && folder_has(self->to, shard->name);
    if (!self->to_is_remote) return 0;
    char *url = xformat("%s/%s", self->to, shard->name);
    int status = object_look(&object, url, NULL, done);
    if (!status) object_release(&object);
    free(url);
    return status ? -EXIT_RUN : 0;
}

static void count_done(struct relabel *self) {
    pthread_mutex_lock(&self->lock);
    self->done++;
    pthread_mutex_unlock(&self->lock);
}

// Another's shard is left to it, but one of this process's part is nobody else's: a claim of the process that died with
// it need not be waited for.
static int take(struct relabel *self, size_t i, bool *is_claimed) {
    const struct shard *shard = &self->shards.item[i];
    const int got = self->claims ? claims_take(self->claims, shard->name) : 0;
    *is_claimed = got == 1;
    if (got < 0) return got;
    return *is_claimed || self->parts;
}

// What was done between the look and the claim is done.
static int try_shard(struct relabel *self, size_t i) {
    const struct shard *shard = &self->shards.item[i];
    bool done, is_claimed = false;
    int status = is_done(self, shard, &done);
    if (status) return status;
    const int got = done ? 0 : take(self, i, &is_claimed);
    if (got < 0) return got;
    if (got) status = is_done(self, shard, &done);
    if (done) count_done(self);
    self->left[i] = !done && !got;
    if (got && !done && !status) return feed(self, shard, is_claimed);
    if (is_claimed) claims_give(self->claims, shard->name);
    return status;
}

// ---- the thread

static bool any_left(const struct relabel *self) {
    for (size_t i = 0; i < self->shards.count; i++)
        if (self->left[i]) return true;
    return false;
}

static void say_waiting(const struct relabel *self) {
    long long others = 0;
    for (size_t i = 0; i < self->shards.count; i++) others += self->left[i];
    note(
        "%lld shards are being made by others: this job ends when they are done, and takes over those whose owners fall "
        "silent",
        others);
}

static void rest(struct relabel *self) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += LOOK_AGAIN;
    pthread_mutex_lock(&self->lock);
    if (!self->stops) pthread_cond_timedwait(&self->moved, &self->lock, &end);
    pthread_mutex_unlock(&self->lock);
}

static int feed_all(struct relabel *self) {
    int status = 0;
    for (bool is_first = true;; is_first = false) {
        for (size_t i = 0; i < self->shards.count && !status; i++)
            if (self->left[i]) status = wait_for_works(self) ? try_shard(self, i) : -EXIT_RUN;
        if (status || relabel_stops(self) || !any_left(self)) return status;
        if (is_first) say_waiting(self);
        rest(self);
    }
}

// The list is closed whatever happened: workers that find its end tell the stages behind them, and these main.
void *feeder_run(void *relabel) {
    struct relabel *self = relabel;
    int status = feed_all(self);
    if (relabel_stops(self)) status = 0;
    if (status) relabel_fail(self, status);
    status = spool_writer_close(&self->list);
    if (status) {
        relabel_fail(self, status);
        kill(getpid(), SIGTERM); // nobody would tell main otherwise
    }
    pthread_mutex_lock(&self->lock);
    self->is_fed = true;
    pthread_cond_broadcast(&self->moved);
    pthread_mutex_unlock(&self->lock);
    return NULL;
}
