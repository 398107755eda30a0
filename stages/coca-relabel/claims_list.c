// The claims of a folder for who looks on.
#include "claims.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "claim_file.h"

struct listed {
    char *name;
    int64_t generation;
};

static int by_name(const void *a, const void *b) {
    const struct listed *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    return order ? order : (left->generation < right->generation) - (left->generation > right->generation);
}

// The claims of the folder, sorted, the highest of each shard first.
static struct listed *sorted(const struct strings *files, int *count) {
    struct listed *listed = xcalloc(files->count + 1, sizeof *listed);
    int length;
    *count = 0;
    for (size_t i = 0; i < files->count; i++) {
        struct listed *next = &listed[*count];
        if (!claim_file_parse(files->item[i], &length, &next->generation)) continue;
        next->name = xstrndup(files->item[i], (size_t)length);
        (*count)++;
    }
    qsort(listed, (size_t)*count, sizeof *listed, by_name);
    return listed;
}

// 1, or 0 where it is gone by now, or -EXIT_RUN.
static int describe(const char *folder, const struct listed *listed, int64_t now, double expiry,
                    struct claim_state *state) {
    struct claim_seen seen;
    char *path = claim_file_path(folder, listed->name, listed->generation);
    int status = claim_file_see(path, &seen);
    free(path);
    if (status <= 0) return status;
    const double silent = now > seen.written ? (double)(now - seen.written) * 1e-9 : 0;
    *state = (struct claim_state){.pid = seen.line.pid,
                                  .pictures = seen.line.pictures,
                                  .captions = seen.line.captions,
                                  .bad = seen.line.bad,
                                  .seconds = seen.line.seconds + silent,
                                  .expired = silent > expiry};
    snprintf(state->name, sizeof state->name, "%s", listed->name);
    snprintf(state->host, sizeof state->host, "%s", seen.line.host);
    return 1;
}

// Who may only look at the folder goes by this host's clock.
static int time_of(const char *folder, int64_t *now) {
    struct timespec here;
    int clock;
    if (access(folder, W_OK)) {
        clock_gettime(CLOCK_REALTIME, &here);
        *now = (int64_t)here.tv_sec * 1000000000 + here.tv_nsec;
        return 0;
    }
    int status = claim_clock_open(&clock, folder);
    if (status) return status;
    status = claim_clock_now(clock, folder, now);
    close(clock);
    return status;
}

static int list(const char *folder, double expiry, struct claim_state **state, int *count) {
    struct strings files = {0};
    int64_t now;
    int files_count, status = directory_list(folder, &files);
    if (!status) status = time_of(folder, &now);
    struct listed *listed = sorted(&files, &files_count);
    *state = xcalloc((size_t)files_count + 1, sizeof **state);
    for (int i = 0; i < files_count && !status; i++) {
        if (i && !strcmp(listed[i].name, listed[i - 1].name)) continue;
        int seen = describe(folder, &listed[i], now, expiry, &(*state)[*count]);
        if (seen < 0)
            status = seen;
        else
            *count += seen;
    }
    for (int i = 0; i < files_count; i++) free(listed[i].name);
    free(listed);
    strings_release(&files);
    return status ? -EXIT_RUN : 0;
}

int claims_list(const char *to, double expiry, struct claim_state **state, int *count) {
    char *folder = path_join(to, CLAIM_FOLDER);
    *state = NULL;
    *count = 0;
    int status = directory_exists(folder) ? list(folder, expiry, state, count) : 0;
    if (status) {
        free(*state);
        *state = NULL;
        *count = 0;
    }
    free(folder);
    return status;
}
