// Items are taken one by one, so a slow one holds nobody up. Fewer threads than wanted are slower, and nothing else.
#include "base/threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/machine.h"
#include "base/memory.h"

struct share {
    void (*work)(void *context, size_t item);
    void *context;
    size_t count;
    atomic_size_t next;
};

static void *take(void *context) {
    struct share *share = context;
    for (size_t item; (item = atomic_fetch_add(&share->next, 1)) < share->count;) share->work(share->context, item);
    return NULL;
}

void threads_each(size_t count, void (*work)(void *context, size_t item), void *context) {
    struct share share = {.work = work, .context = context, .count = count};
    pthread_t *thread = xcalloc((size_t)machine_cores(), sizeof *thread);
    int threads = 0;
    while (threads + 1 < machine_cores() && !pthread_create(&thread[threads], NULL, take, &share)) threads++;
    take(&share);
    while (threads) pthread_join(thread[--threads], NULL);
    free(thread);
}
