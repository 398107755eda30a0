// A job of `coca-relabel run`: three threads and what they share.
//
//   feeder    claims shards and lists their pictures, no further ahead of what has come than a bound (feeder.c)
//   main      takes captions as they come, in the list's order, and keeps them with their shard (run.c)
//   finisher  writes shards whose pictures have all come (finisher.c)
//
// A microbatch never holds pictures of two shards, so what comes of one is a function of it alone.
#pragma once

#include <pthread.h>

#include "claims.h"
#include "dataset/spool_writer.h"
#include "output.h"

// A shard that is being worked at.
struct work {
    const struct shard *shard;
    char *aside; // folder of what is being written
    struct plain plain;
    struct results *results;
    bool is_claimed;
    int64_t taken_over; // pictures whose captions had come before
    // Under relabel.lock
    bool is_listed;        // to its end, or to where it is damaged
    bool is_damaged;       // nothing is written for it
    int64_t listed, come;  // pictures
    int64_t captions, bad; // that have come
    struct work *next;
};

struct batch { // of the list
    struct work *work;
    int count; // pictures
};

struct relabel {
    // Settled before the threads begin
    struct shards shards;
    const char *to, *scratch; // `to` may be a server's
    const char *here;         // folder of this host that shards are written to: `to`, or one in `scratch`
    bool to_is_remote;
    int part, parts; // shards whose place mod `parts` is `part`; parts 0: all that nobody else has
    int microbatch;
    int64_t batches_ahead;
    struct output_options output;
    const char *settings;         // one line that tells them from others
    int (*settle)(void *context); // writes relabel.json or compares with it: by relabel_settle, once
    void *settle_context;
    pthread_mutex_t settle_lock;
    bool is_settled;       // under settle_lock
    struct claims *claims; // NULL: `to` is a server's

    // Of the feeder alone
    struct spool_writer list;
    bool *left; // [shards.count] to do, as far as this process knows

    pthread_mutex_t lock; // of what follows
    pthread_cond_t moved; // something of it changed
    struct batch *batch;  // ring of `batch_capacity`, batches that have not come
    size_t batch_first, batches, batch_capacity;
    int64_t batches_come;
    struct work *first, *last;       // in the order of the list
    int works, copies;               // in hand; of them those whose shard has a copy in `scratch`
    bool is_fed;                     // nothing more will be listed
    bool stops;                      // a signal, or a failure
    int status;                      // the first failure that ends the job: −exit code
    int64_t pictures, captions, bad; // that came in this process
    int64_t done, damaged;           // shards, those of others and of earlier starts among the former
};

// Before the first shard is written, and not before the stages in front have taken their options: what they refuse,
// `to` is not begun with. 0 or -exit_code.
int relabel_settle(struct relabel *self);
void relabel_fail(struct relabel *self, int status); // the first one counts; wakes everybody
bool relabel_stops(struct relabel *self);

// ---- work.c

// Takes a shard in hand: reads a copy of it if it needs one, and what came before. 0; -EXIT_DATA, reported: it cannot
// be read; -EXIT_RUN.
int work_open(struct work **work, struct relabel *self, const struct shard *shard);
void work_close(struct work **work); // removes what was only for it, but for what came

// ---- the other threads

int feeder_begin(struct relabel *self, const char *list); // opens the list. 0 or -EXIT_RUN
void *feeder_run(void *relabel);
void *finisher_run(void *relabel);

// Writes the shard, and before it what became of its samples. 0; -EXIT_DATA, reported: it is not what was listed;
// -EXIT_RUN.
int assemble(const struct relabel *self, struct work *work);
