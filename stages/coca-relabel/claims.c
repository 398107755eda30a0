// Exactly one gets a claim of those who want it at once. A free shard is taken by making NAME~1; an expired claim
// NAME~g by making NAME~(g + 1), which one process can, and the claim is good if afterwards the highest is still one's
// own and NAME~g still as dead as it was: then nobody has found the shard free in the meantime. Whoever makes a file
// and finds it otherwise takes it back; at worst nobody has the shard and somebody tries again.
#include "claims.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "claim_file.h"

struct claim {
    char *name, *path, *next; // `next`: whoever took it over has that file
    struct claim_line line;
    double begun;
    bool lost;
};

struct claims {
    char *folder, host[256];
    double expiry;
    int clock;
    pthread_t thread;
    pthread_mutex_t lock; // of what is below
    pthread_cond_t closed;
    bool is_closing;
    struct claim *held;
    size_t count, capacity;
};

static void release(struct claim *claim) {
    free(claim->name);
    free(claim->path);
    free(claim->next);
}

static bool has_expired(const struct claim_seen *seen, int64_t now, double expiry) {
    return (double)(now - seen->written) * 1e-9 > expiry;
}

static void lose(struct claim *claim, double silent) {
    claim->lost = true;
    note(
        "%s: its claim was not written for %.1f s and went to somebody else: two may work at it now, and what they make "
        "is the same",
        claim->name, silent);
}

// The owner's sign of life, and its look whether it still is the owner.
static void write_again(struct claim *claim) {
    const double before = claim->begun + claim->line.seconds, now = clock_seconds();
    if (claim->lost) return;
    claim->line.seconds = now - claim->begun;
    int status = claim_file_write(claim->path, &claim->line);
    if (!status || (status > 0 && file_exists(claim->next))) lose(claim, now - before);
}

static struct timespec after(double seconds) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const int64_t end = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec + (int64_t)(seconds * 1e9);
    return (struct timespec){.tv_sec = (time_t)(end / 1000000000), .tv_nsec = (long)(end % 1000000000)};
}

static void *keep_alive(void *context) {
    struct claims *claims = context;
    pthread_mutex_lock(&claims->lock);
    while (!claims->is_closing) {
        const struct timespec end = after(claims->expiry / 4);
        int status = 0;
        while (!claims->is_closing && status != ETIMEDOUT)
            status = pthread_cond_timedwait(&claims->closed, &claims->lock, &end);
        for (size_t i = 0; !claims->is_closing && i < claims->count; i++) write_again(&claims->held[i]);
    }
    pthread_mutex_unlock(&claims->lock);
    return NULL;
}

// Signals are for the threads that were there before.
static void start_thread(struct claims *claims) {
    pthread_condattr_t monotonic;
    sigset_t all, before;
    pthread_mutex_init(&claims->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&claims->closed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&claims->thread, NULL, keep_alive, claims)) die(EXIT_RUN, "no thread for claims can be made");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int make_folder(const char *to, const char *folder) {
    if (!directory_exists(to)) return error(EXIT_RUN, "%s: is no folder; claims are kept in it", to);
    if (!mkdir(folder, 0777) || errno == EEXIST) return 0;
    return error(EXIT_RUN, "%s: cannot be made (%s): claims need a folder in which every claimant may write", folder,
                 strerror(errno));
}

int claims_open(struct claims **claims, const char *to, double expiry) {
    struct claims *new = xcalloc(1, sizeof *new);
    new->folder = path_join(to, CLAIM_FOLDER);
    new->expiry = expiry;
    if (gethostname(new->host, sizeof new->host - 1) || !*new->host) strcpy(new->host, "unnamed");
    int status = make_folder(to, new->folder);
    if (!status) status = claim_clock_open(&new->clock, new->folder);
    if (status) {
        free(new->folder);
        free(new);
        return status;
    }
    start_thread(new);
    *claims = new;
    return 0;
}

// 1 where the shard is free or its owner is dead, as `seen` if there is one; 0, or -EXIT_RUN.
static int is_to_be_had(struct claims *claims, const char *name, int64_t *highest, struct claim_seen *seen) {
    int64_t now;
    int status = claim_file_highest(claims->folder, name, highest);
    if (status || !*highest) return status ? status : 1;
    char *path = claim_file_path(claims->folder, name, *highest);
    status = claim_file_see(path, seen);
    free(path);
    if (status <= 0) return status;
    status = claim_clock_now(claims->clock, claims->folder, &now);
    return status ? status : has_expired(seen, now, claims->expiry);
}

// Whether the file just made for generation `own` stands, behind the dead one that was `seen`.
static int is_good(struct claims *claims, const char *name, int64_t own, const struct claim_seen *seen) {
    int64_t highest;
    int status = claim_file_highest(claims->folder, name, &highest);
    if (status || highest != own || own == 1) return status ? status : highest == own;
    char *path = claim_file_path(claims->folder, name, own - 1);
    struct claim_seen again;
    status = claim_file_see(path, &again);
    if (status == 1) status = again.line.secret == seen->line.secret && again.written == seen->written;
    if (status == 1) unlink(path);
    free(path);
    return status;
}

static int new_line(const struct claims *claims, struct claim_line *line) {
    *line = (struct claim_line){.pid = getpid()};
    strcpy(line->host, claims->host);
    while (!line->secret)
        if (getrandom(&line->secret, sizeof line->secret, 0) != sizeof line->secret && errno != EINTR)
            return error(EXIT_RUN, "getrandom: %s", strerror(errno));
    return 0;
}

static void hold(struct claims *claims, const struct claim *claim) {
    pthread_mutex_lock(&claims->lock);
    if (claims->count == claims->capacity) {
        claims->capacity = claims->capacity ? 2 * claims->capacity : 4;
        claims->held = xrealloc_array(claims->held, claims->capacity, sizeof *claim);
    }
    claims->held[claims->count++] = *claim;
    pthread_mutex_unlock(&claims->lock);
}

int claims_take(struct claims *claims, const char *name) {
    struct claim claim = {0};
    struct claim_seen seen;
    int64_t highest;
    int status = is_to_be_had(claims, name, &highest, &seen);
    if (status <= 0 || (status = new_line(claims, &claim.line))) return status;
    claim.name = xstrdup(name);
    claim.path = claim_file_path(claims->folder, name, highest + 1);
    claim.next = claim_file_path(claims->folder, name, highest + 2);
    claim.begun = clock_seconds();
    status = claim_file_make(claim.path, &claim.line);
    if (status == 1 && (status = is_good(claims, name, highest + 1, &seen)) != 1) unlink(claim.path);
    if (status == 1)
        hold(claims, &claim);
    else
        release(&claim);
    return status;
}

static struct claim *find(struct claims *claims, const char *name) {
    for (size_t i = 0; i < claims->count; i++)
        if (!strcmp(claims->held[i].name, name)) return &claims->held[i];
    bug("%s is not claimed", name);
}

void claims_tell(struct claims *claims, const char *name, int64_t pictures, int64_t captions, int64_t bad) {
    pthread_mutex_lock(&claims->lock);
    struct claim *claim = find(claims, name);
    claim->line.pictures = pictures;
    claim->line.captions = captions;
    claim->line.bad = bad;
    pthread_mutex_unlock(&claims->lock);
}

static void give(struct claims *claims, struct claim *claim) {
    write_again(claim);
    if (!claim->lost) unlink(claim->path);
    release(claim);
    *claim = claims->held[--claims->count];
}

void claims_give(struct claims *claims, const char *name) {
    pthread_mutex_lock(&claims->lock);
    give(claims, find(claims, name));
    pthread_mutex_unlock(&claims->lock);
}

void claims_close(struct claims **claims) {
    struct claims *old = *claims;
    *claims = NULL;
    if (!old) return;
    pthread_mutex_lock(&old->lock);
    old->is_closing = true;
    pthread_cond_signal(&old->closed);
    pthread_mutex_unlock(&old->lock);
    pthread_join(old->thread, NULL);
    while (old->count) give(old, &old->held[0]);
    pthread_cond_destroy(&old->closed);
    pthread_mutex_destroy(&old->lock);
    close(old->clock);
    free(old->held);
    free(old->folder);
    free(old);
}
