#include "ops/cpu/pool.h"

#include <pmmintrin.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"

// About what it costs to wake a thread in a virtual machine.
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

struct worker {
    struct pool *pool;
    pthread_t thread;
    int index;
};

struct pool {
    int threads;
    struct worker *worker; // [threads − 1]
    void (*task)(const void *context, struct share share);
    const void *context;
    bool stop;
    struct bell started;  // counts loops
    struct bell finished; // counts workers that have finished any loop
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

// Sequentially consistent, so that either the sleeper sees the new value or this sees the sleeper.
static void bell_ring(struct bell *bell) {
    atomic_fetch_add(&bell->value, 1);
    if (!atomic_load(&bell->sleepers)) return;
    pthread_mutex_lock(&bell->mutex);
    pthread_cond_broadcast(&bell->changed);
    pthread_mutex_unlock(&bell->mutex);
}

static void bell_sleep(struct bell *bell, unsigned wanted) {
    pthread_mutex_lock(&bell->mutex);
    atomic_fetch_add(&bell->sleepers, 1);
    while (atomic_load(&bell->value) != wanted) pthread_cond_wait(&bell->changed, &bell->mutex);
    atomic_fetch_sub(&bell->sleepers, 1);
    pthread_mutex_unlock(&bell->mutex);
}

static void bell_wait(struct bell *bell, unsigned wanted) {
    double deadline = 0;
    for (unsigned spins = 0; atomic_load_explicit(&bell->value, memory_order_acquire) != wanted; spins++) {
        __builtin_ia32_pause();
        if (spins % SPINS_BETWEEN_LOOKS_AT_THE_CLOCK) continue;
        double now = clock_seconds();
        if (!deadline) deadline = now + SPIN_SECONDS;
        if (now > deadline) return bell_sleep(bell, wanted);
    }
}

static void run_share(const struct pool *pool, int index, int count) {
    unsigned control = _mm_getcsr();
    _mm_setcsr(control | FLUSH_DENORMALS);
    pool->task(pool->context, (struct share){index, count});
    _mm_setcsr(control);
}

static void *work(void *argument) {
    struct worker *worker = argument;
    struct pool *pool = worker->pool;
    for (unsigned loop = 1;; loop++) {
        bell_wait(&pool->started, loop);
        if (pool->stop) return NULL;
        run_share(pool, worker->index, pool->threads);
        bell_ring(&pool->finished);
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
    pool->worker = xcalloc((size_t)threads, sizeof *pool->worker);
    bell_init(&pool->started);
    bell_init(&pool->finished);
    block_signals(&before);
    for (int i = 0; i < threads - 1; i++) {
        struct worker *worker = &pool->worker[i];
        *worker = (struct worker){.pool = pool, .index = i + 1};
        if (!pthread_create(&worker->thread, NULL, work, worker)) continue;
        pool->threads = i + 1;
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
    int helpers = alone ? 0 : pool->threads - 1;
    unsigned finished = atomic_load(&pool->finished.value) + (unsigned)helpers;
    pool->task = task;
    pool->context = context;
    if (helpers) bell_ring(&pool->started);
    run_share(pool, 0, helpers + 1);
    bell_wait(&pool->finished, finished);
}

void pool_free(struct pool **pool) {
    if (!*pool) return;
    (*pool)->stop = true;
    bell_ring(&(*pool)->started);
    for (int i = 0; i < (*pool)->threads - 1; i++) pthread_join((*pool)->worker[i].thread, NULL);
    bell_destroy(&(*pool)->started);
    bell_destroy(&(*pool)->finished);
    free((*pool)->worker);
    free(*pool);
    *pool = NULL;
}
