// Claims and statistics of the folder, put together.
#include "overview.h"

#include <stdlib.h>
#include <string.h>

int overview_open(struct overview *overview, const char *to) {
    json_t *settings;
    *overview = (struct overview){.to = to};
    int status = folder_read(to, &settings, &overview->shards);
    if (status) {
        overview_release(overview);
        return status;
    }
    json_decref(settings);
    overview->done = xcalloc(overview->shards.count + 1, sizeof *overview->done);
    return 0;
}

void overview_release(struct overview *overview) {
    strings_release(&overview->shards);
    free(overview->done);
    free(overview->claim);
    *overview = (struct overview){0};
}

static int add_done(struct overview *overview, size_t shard) {
    struct shard_stats stats;
    int status = folder_stats(overview->to, overview->shards.item[shard], &stats);
    if (status < 0) return status;
    overview->done[shard] = true;
    overview->done_count++;
    overview->finished.samples += stats.samples;
    overview->finished.captioned += stats.captioned;
    overview->finished.captions += stats.captions;
    overview->finished.filtered += stats.filtered;
    overview->finished.bad += stats.bad;
    return 0;
}

// An owner that died between a shard's name and giving up its claim leaves one of what is done.
static void keep_unfinished(struct overview *overview) {
    int kept = 0;
    overview->working = 0;
    for (int i = 0; i < overview->claims; i++) {
        if (folder_has(overview->to, overview->claim[i].name)) continue;
        overview->working += !overview->claim[i].expired;
        overview->claim[kept++] = overview->claim[i];
    }
    overview->claims = kept;
}

// Claims before shards: one that is done in between is looked at as done, not as neither.
int overview_look(struct overview *overview, double expiry) {
    int status;
    free(overview->claim);
    status = claims_list(overview->to, expiry, &overview->claim, &overview->claims);
    if (status) return status;
    keep_unfinished(overview);
    for (size_t i = 0; i < overview->shards.count && !status; i++)
        if (!overview->done[i] && folder_has(overview->to, overview->shards.item[i])) status = add_done(overview, i);
    return status;
}

struct shard_stats overview_total(const struct overview *overview) {
    struct shard_stats total = overview->finished;
    for (int i = 0; i < overview->claims; i++) {
        const struct claim_state *claim = &overview->claim[i];
        if (claim->expired) continue;
        total.samples += claim->pictures;
        total.captions += claim->captions;
        total.bad += claim->bad;
    }
    return total;
}

double overview_pictures_left(const struct overview *overview) {
    if (!overview_left(overview)) return 0;
    if (!overview->done_count) return -1;
    const double each = (double)overview->finished.samples / (double)overview->done_count;
    const int64_t in_work = overview_total(overview).samples - overview->finished.samples;
    const double left = each * (double)overview_left(overview) - (double)in_work;
    return left > 0 ? left : 0;
}
