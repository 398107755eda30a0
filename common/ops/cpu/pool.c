// The thread team (pool.h says why it is not OpenMP's). One thread, the caller, gives out loops; the others wait for
// the next one. Operations call it through cpu_run; it knows nothing of what a share does.
//
// A loop has a number, and every share of it one seat. Whoever wants to run a share takes its seat, by an exchange of
// `taken` from an earlier loop's number to this one's, which only one thread can succeed in. Each thread first tries
// its own seat and then those of the others, so a thread that the system does not let run is waited for by nobody: its
// share goes to another, the caller at the latest. The other threads' shares are counted in `finished`; the caller
// knows how many it ran itself and waits for the rest.
//
// Who may touch what, and when. `task` and `context` are the caller's while no loop runs, and everybody's to read while
// one does. A thread that has taken a seat of loop n holds n open, since the caller waits until that share is counted:
// so what it reads is loop n's. A thread that comes late, when n is over, finds every seat taken for n or for a later
// loop (a loop is over only when all its seats are taken), takes nothing, and reads nothing.
//
// What orders memory. The caller writes task, context and the loop's data, then adds to `started`; a thread that sees
// the new value (acquire) sees all of that. A thread writes its results, then adds to `finished`; the caller that sees
// the last addition sees the results of all of them, since additions to one number form one release sequence. The seats
// themselves order nothing but who runs what.
#include "ops/cpu/pool.h"

#include <pmmintrin.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"

// About what it costs to wake a thread in a virtual machine: who waits that long before going to sleep never pays more
// than twice what the better choice would have cost.
#define SPIN_SECONDS 50e-6
#define SPINS_BETWEEN_LOOKS_AT_THE_CLOCK 32

// Flushes denormal numbers to zero: they are as good as zero here, and each costs a hundred cycles.
#define FLUSH_DENORMALS (_MM_FLUSH_ZERO_ON | _MM_DENORMALS_ZERO_ON)

// A number that one side changes and others wait for, first spinning and then asleep.
struct bell {
    atomic_uint value, sleepers;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

// One share of every loop. It belongs to a thread, which is first to look whether it is still to be had.
struct seat {
    struct pool *pool;
    pthread_t thread;
    int index;
    // In a cache line of its own, which other threads touch only when they have nothing better to do.
    _Alignas(64) atomic_uint taken; // the newest loop whose share of this number somebody has taken
};

struct pool {
    int threads;
    struct seat *seat; // [threads], the first is the caller's
    void (*task)(const void *context, struct share share);
    const void *context;
    atomic_bool stop;
    unsigned loop;
    struct bell started;  // counts loops
    struct bell finished; // counts shares that the other threads have finished
};

static void bell_init(struct bell *bell) {
    atomic_init(&bell->value, 0);
    atomic_init(&bell->sleepers, 0);
    pthread_mutex_init(&bell->mutex, NULL);
    pthread_cond_init(&bell->changed, NULL);
}

static void bell_destroy(struct bell *bell) {
    pthread_cond_destroy(&bell->changed);
    pthread_mutex_destroy(&bell->mutex);
}

// Adds to the value, then asks whether anybody sleeps; a sleeper says so, then looks at the value once more. All four
// are sequentially consistent, so that either the sleeper sees the new value or this sees the sleeper: with weaker
// orders both could miss each other, and the sleeper would sleep for ever. Ringing for nobody costs no system call.
static void bell_ring(struct bell *bell, unsigned times) {
    atomic_fetch_add(&bell->value, times);
    if (!atomic_load(&bell->sleepers)) return;
    pthread_mutex_lock(&bell->mutex);
    pthread_cond_broadcast(&bell->changed);
    pthread_mutex_unlock(&bell->mutex);
}

// It holds the mutex from the moment it says that it sleeps until it does, so the ringer, who locks it too, cannot call
// in between.
static unsigned bell_sleep(struct bell *bell, unsigned seen) {
    unsigned value;
    pthread_mutex_lock(&bell->mutex);
    atomic_fetch_add(&bell->sleepers, 1);
    while ((value = atomic_load(&bell->value)) == seen) pthread_cond_wait(&bell->changed, &bell->mutex);
    atomic_fetch_sub(&bell->sleepers, 1);
    pthread_mutex_unlock(&bell->mutex);
    return value;
}

// Waits until the value is another than the one seen, and returns it.
static unsigned bell_wait(struct bell *bell, unsigned seen) {
    double deadline = 0;
    unsigned value;
    for (unsigned spins = 0; (value = atomic_load_explicit(&bell->value, memory_order_acquire)) == seen; spins++) {
        __builtin_ia32_pause();
        if (spins % SPINS_BETWEEN_LOOKS_AT_THE_CLOCK) continue;
        double now = clock_seconds();
        if (!deadline) deadline = now + SPIN_SECONDS;
        if (now > deadline) return bell_sleep(bell, seen);
    }
    return value;
}

// Denormals are flushed in a share alone: the caller's own arithmetic, sums in f64 among it, is as C says.
static void run_share(const struct pool *pool, int index, int count) {
    unsigned control = _mm_getcsr();
    _mm_setcsr(control | FLUSH_DENORMALS);
    pool->task(pool->context, (struct share){index, count});
    _mm_setcsr(control);
}

// Whether this thread runs the share. A thread that comes late, when its loop is long over, finds a newer number and
// takes nothing. Numbers wrap around after 2^32 loops, hence the difference.
static bool take(struct seat *seat, unsigned loop) {
    unsigned taken = atomic_load(&seat->taken);
    return (int)(loop - taken) > 0 && atomic_compare_exchange_strong(&seat->taken, &taken, loop);
}

// Runs the share of the thread's own seat and those that nobody else has taken. Returns how many.
static unsigned run_shares(struct pool *pool, unsigned loop, int own) {
    unsigned count = 0;
    for (int i = 0; i < pool->threads; i++) {
        int index = (own + i) % pool->threads;
        if (!take(&pool->seat[index], loop)) continue;
        run_share(pool, index, pool->threads);
        count++;
    }
    return count;
}

static void *work(void *argument) {
    const struct seat *seat = argument;
    struct pool *pool = seat->pool;
    // Cores that another stage's own thread wants are left to it; the caller runs what this thread does not come to.
    sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0});
    for (unsigned loop = 0;;) {
        loop = bell_wait(&pool->started, loop);
        if (atomic_load(&pool->stop)) return NULL;
        unsigned count = run_shares(pool, loop, seat->index);
        if (count) bell_ring(&pool->finished, count);
    }
}

// Signals go to the thread that handles them, never to a worker.
static void block_signals(sigset_t *before) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

struct pool *pool_new(int threads) {
    sigset_t before;
    struct pool *pool = xcalloc(1, sizeof *pool);
    pool->threads = threads;
    pool->seat = xaligned((size_t)threads * sizeof *pool->seat);
    for (int i = 0; i < threads; i++) pool->seat[i] = (struct seat){.pool = pool, .index = i};
    bell_init(&pool->started);
    bell_init(&pool->finished);
    block_signals(&before);
    // Where the system gives fewer threads, those that there are go home again and the caller says so.
    for (int i = 1; i < threads; i++) {
        if (!pthread_create(&pool->seat[i].thread, NULL, work, &pool->seat[i])) continue;
        pool->threads = i;
        pool_free(&pool);
        break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pool;
}

int pool_threads(const struct pool *pool) {
    return pool->threads;
}

void pool_run(struct pool *pool, bool alone, void (*task)(const void *context, struct share share),
              const void *context) {
    pool->task = task;
    pool->context = context;
    if (alone || pool->threads == 1) return run_share(pool, 0, 1);
    // No share of an earlier loop is open, so `finished` stands still until this loop's shares are counted.
    unsigned finished = atomic_load(&pool->finished.value), loop = ++pool->loop;
    bell_ring(&pool->started, 1);
    unsigned wanted = finished + (unsigned)pool->threads - run_shares(pool, loop, 0);
    while (finished != wanted) finished = bell_wait(&pool->finished, finished);
}

void pool_free(struct pool **pool) {
    if (!*pool) return;
    atomic_store(&(*pool)->stop, true);
    bell_ring(&(*pool)->started, 1);
    for (int i = 1; i < (*pool)->threads; i++) pthread_join((*pool)->seat[i].thread, NULL);
    bell_destroy(&(*pool)->started);
    bell_destroy(&(*pool)->finished);
    free((*pool)->seat);
    free(*pool);
    *pool = NULL;
}
