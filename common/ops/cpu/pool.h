// A team of threads for loops that take microseconds. Why not OpenMP's: two stages share the cores, and libgomp either
// spins through the other stage's time or sleeps at every loop's end; both cost more than the work (which of the two is
// fixed by the environment before the program starts). This team spins for about as long as a wake-up takes, then
// sleeps. A loop always has as many shares as the team has threads, so its result has the same bits whoever runs them;
// shares that nobody has begun are run by whoever is done first, the caller at the latest. The other threads have the
// priority of an idle machine (SCHED_IDLE): while two stages compute, each has a core for its caller and none waits for
// a thread that does not get one; while one waits for a message, the other has its core. Beside a stranger that keeps
// one of two cores busy a run so keeps 0.64 of its rate (fair shares of three threads: 2/3); with other threads of
// normal priority or nice 5 it kept 0.59 and 0.58, and lost 9% and 4% without the stranger (Linux 6.18, f32 with AVX2).
#pragma once

#include <stdbool.h>
#include <stdint.h>

// One thread's part of a loop: number `index` of `count`.
struct share {
    int index, count;
};

struct pool;
struct pool *pool_new(int threads); // the calling thread is one of them; NULL when threads cannot be had
int pool_threads(const struct pool *pool);
void pool_free(struct pool **pool);

// Runs task(context, share) for every share, or for one share that is all of it when `alone`, and returns when all have
// returned. Shares may run one after the other in one thread: a task must not wait for another share.
void pool_run(struct pool *pool, bool alone, void (*task)(const void *context, struct share share),
              const void *context);

// The part of 0 … n that a share has, in whole multiples of `grain` except at the end. The same n, grain and count give
// the same parts.
struct range {
    int64_t begin, end;
};
static inline struct range share_of(struct share share, int64_t n, int64_t grain) {
    int64_t grains = (n + grain - 1) / grain;
    int64_t begin = grains * share.index / share.count * grain, end = grains * (share.index + 1) / share.count * grain;
    return (struct range){begin < n ? begin : n, end < n ? end : n};
}
