// The samples of a stage that makes batches, whatever they are from: datasets by the plan, datasets in order, captions
// one by one, or lines of a list. coca-decode and coca-tokenize ask for sample n, each for itself, and must find the
// same one: the plan and the sample's key see to that, and fingerprints kept in the run to its being the same data as
// when the run began.
#include "dataset/sources.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "dataset/cache_room.h"
#include "dataset/look_ahead.h"
#include "dataset/spool.h"
#include "dataset/store.h"

struct sources {
    enum sources_order order;
    int64_t window;
    bool texts;          // without pictures and videos
    int64_t views;       // of each record or line: consecutive samples
    struct spool *spool; // of a list; the rest is then empty
    struct random_key line_key;
    struct store *store[PLAN_SOURCES];
    int count;
    struct plan *plan;
    struct look_ahead *ahead; // NULL: nothing is fetched
    int64_t *captions;        // SOURCES_EACH_CAPTION: [records + 1], captions in the records before; else NULL
};

static bool has_one(const struct store *store, const char *const *fields) {
    for (; *fields; fields++)
        if (store_has(store, *fields)) return true;
    return false;
}

// The commonest mistake is a dataset without captions or without classes: the report names what is there instead.
static int lacks(const struct store *store, const char *const *needs) {
    struct buffer needed = {0}, seen = {0};
    for (; *needs; needs++) buffer_format(&needed, "%s%s", needed.size ? " or " : "", *needs);
    for (int i = 0; i < RECORD_FIELDS; i++)
        if (store_has(store, record_field_name(i)))
            buffer_format(&seen, "%s%s", seen.size ? ", " : "", record_field_name(i));
    int status = error(EXIT_DATA, "%s: no record has %s; they have: %s", store_path(store), needed.bytes,
                       seen.size ? seen.bytes : "nothing");
    buffer_release(&needed);
    buffer_release(&seen);
    return status;
}

static int open_store(struct sources *sources, const char *directory, const struct sources_options *options) {
    const struct remote_options defaults = REMOTE_DEFAULTS, *given = &options->remote;
    if (sources->count == PLAN_SOURCES) return error(EXIT_USAGE, "more than %d datasets", PLAN_SOURCES);
    struct store **store = &sources->store[sources->count];
    int status = store_open_remote(store, directory, given->stall_seconds > 0 ? given : &defaults);
    if (status) return status;
    sources->count++;
    return !options->needs || has_one(*store, options->needs) ? 0 : lacks(*store, options->needs);
}

static int open_stores(struct sources *sources, const struct sources_options *options) {
    struct strings directories = {0};
    int status = 0;
    text_split(&directories, options->directories, "::");
    for (size_t i = 0; i < directories.count && !status; i++)
        status = open_store(sources, directories.item[i], options);
    strings_release(&directories);
    return status;
}

// Only a run knows what its data was; who evaluates takes what there is.
static int check_unchanged(const struct sources *sources, const struct sources_options *options) {
    if (!options->expected_count) return 0;
    if (options->expected_count != sources->count)
        return error(EXIT_DATA, "the run was made with %d datasets, %d are named", options->expected_count,
                     sources->count);
    for (int j = 0; j < sources->count; j++)
        if (store_fingerprint(sources->store[j]) != options->expected[j])
            return error(EXIT_DATA, "%s: changed since the run was made; put the old one back, or begin another run",
                         store_path(sources->store[j]));
    return 0;
}

static struct plan_source source_of(const struct store *store, int weight) {
    struct plan_source source = {.size = store_count(store), .fingerprint = store_fingerprint(store), .weight = weight};
    source.parts = store_parts(store, &source.first);
    return source;
}

// Order without shuffling takes the same plan, which then counts through the sources.
static int make_plan(struct sources *sources, const struct sources_options *options) {
    struct plan_source source[PLAN_SOURCES];
    int weight[PLAN_SOURCES];
    int status = plan_weights(options->weights, sources->count, weight);
    if (status) return status;
    for (int j = 0; j < sources->count; j++) source[j] = source_of(sources->store[j], weight[j]);
    return plan_new(&sources->plan, source, sources->count, options->seed, options->order == SOURCES_SHUFFLED,
                    options->window);
}

int sources_check_cache(const struct sources *sources, const struct remote_options *remote) {
    return cache_check(sources->store, sources->count, sources->window, remote);
}

// Who needs texts alone fetches nothing, and who has no cache nothing ahead.
static int make_ahead(struct sources *sources, const struct sources_options *options) {
    const bool shuffled = options->order == SOURCES_SHUFFLED;
    if (options->texts || !options->remote.cache) return 0;
    int status = shuffled ? sources_check_cache(sources, &options->remote) : 0;
    if (!status) sources->ahead = look_ahead_new(sources->store, sources->count, sources->plan, shuffled);
    return status;
}

// Borrows from the store. A record that makes no sense is a sample with a reason, not an end: it keeps its row, empty,
// and is counted and named.
static int read_record(struct sources *sources, struct plan_sample place, bool texts, struct sample *sample) {
    return store_record(sources->store[place.source], place.record, texts, &sample->record, sample->reason);
}

static int read_place(struct sources *sources, int64_t place, int64_t n, bool texts, struct sample *sample) {
    const struct plan_sample planned = plan_at(sources->plan, place);
    *sample = (struct sample){.n = n, .id = planned.id, .key = planned.key, .caption = -1};
    return read_record(sources, planned, texts, sample);
}

// Sample n of each caption is found by how many captions stand before each record, so all records are read once at the
// start: their number of captions is not in the manifest.
static int count_captions(struct sources *sources) {
    const int64_t records = plan_records(sources->plan);
    sources->captions = xcalloc((size_t)records + 1, sizeof *sources->captions);
    int status = 0;
    for (int64_t r = 0; !status && r < records; r++) {
        struct sample sample;
        status = read_place(sources, r, r, true, &sample);
        sources->captions[r + 1] = sources->captions[r] + sample.record.caption_count;
        sample_release(&sample);
    }
    return status;
}

static int open_datasets(struct sources *sources, const struct sources_options *options) {
    if (!options->directories) return error(EXIT_USAGE, "no dataset was named: --train-data, --data and --list do so");
    int status = open_stores(sources, options);
    if (!status) status = check_unchanged(sources, options);
    if (!status) status = make_plan(sources, options);
    if (!status) status = make_ahead(sources, options);
    if (!status && sources->order == SOURCES_EACH_CAPTION) status = count_captions(sources);
    return status;
}

// A list needs no plan: line n is sample n, once.
int sources_open(struct sources **sources, const struct sources_options *options) {
    struct sources *new = *sources = xcalloc(1, sizeof *new);
    new->order = options->order;
    new->window = options->window;
    new->texts = options->texts;
    new->views = options->views ? options->views : 1;
    new->line_key = random_key(options->seed, "list");
    int status = options->list ? spool_open(&new->spool, options->list, options->null ? SPOOL_NUL : SPOOL_TEXT)
                               : open_datasets(new, options);
    if (status) sources_close(sources);
    return status;
}

void sources_close(struct sources **sources) {
    struct sources *old = *sources;
    if (!old) return;
    look_ahead_free(&old->ahead);
    for (int j = 0; j < old->count; j++) store_close(&old->store[j]);
    spool_close(&old->spool);
    plan_free(&old->plan);
    free(old->captions);
    free(old);
    *sources = NULL;
}

bool sources_have(const struct sources *sources, const char *field) {
    for (int j = 0; j < sources->count; j++)
        if (store_has(sources->store[j], field)) return true;
    return false;
}

uint64_t sources_fingerprint(const struct sources *sources) {
    return sources->plan ? plan_fingerprint(sources->plan) : 0;
}

int sources_datasets(const struct sources *sources) {
    return sources->count;
}

const struct store *sources_dataset(const struct sources *sources, int index) {
    return sources->store[index];
}

// Without views. A plan has no end; what stops a run is its number of steps.
static int count_places(struct sources *sources, int64_t *places, bool *growing) {
    if (sources->spool) return spool_look(sources->spool, places, growing);
    const int64_t records = plan_records(sources->plan);
    *growing = false;
    *places = sources->order == SOURCES_SHUFFLED   ? INT64_MAX
              : sources->order == SOURCES_IN_ORDER ? records
                                                   : sources->captions[records];
    return 0;
}

int sources_count(struct sources *sources, int64_t *samples, bool *growing) {
    int status = count_places(sources, samples, growing);
    if (!status && *samples != INT64_MAX) *samples *= sources->views;
    return status;
}

// Of the lines that the samples touch, those that are there have all their views.
int sources_filled(struct sources *sources, int64_t first, int count, int *filled) {
    const int64_t views = sources->views, line = first / views, end = (first + count + views - 1) / views;
    int lines = (int)(end - line);
    int status = sources->spool ? spool_filled(sources->spool, line, lines, &lines) : 0;
    const int64_t there = (line + lines) * views - first;
    *filled = there < count ? (int)there : count;
    return status;
}

// The record that the n-th caption is of: the last one with at most n captions before it. Records without captions have
// the same sum as the one behind them, and are so passed over.
static int64_t record_of_caption(const struct sources *sources, int64_t n) {
    int64_t low = 0, high = plan_records(sources->plan);
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (sources->captions[middle] <= n)
            low = middle;
        else
            high = middle;
    }
    return low;
}

// There is no record to decode; what a line means (a path, a text) its reader knows.
static int read_line(struct sources *sources, int64_t n, struct sample *sample) {
    *sample = (struct sample){
        .n = n, .id = n, .key = random_subkey(sources->line_key, (uint64_t)n), .caption = -1, .record = RECORD_EMPTY};
    return spool_line(sources->spool, n, &sample->line);
}

// n → record, by order: of a list line n; shuffled, the plan's place n; in order, record n of the datasets one behind
// the other; by caption, the record that caption n is of, and which of its captions that is.
static int read_sample(struct sources *sources, int64_t n, struct sample *sample) {
    if (sources->spool) return read_line(sources, n, sample);
    const int64_t record = sources->captions ? record_of_caption(sources, n) : n;
    look_ahead_from(sources->ahead, record);
    int status = read_place(sources, record, n, sources->texts, sample);
    if (sources->captions) sample->caption = n - sources->captions[record];
    return status;
}

int sources_read(struct sources *sources, int64_t n, struct sample *sample) {
    int status = read_sample(sources, n / sources->views, sample);
    sample->n = n;
    sample->view = (int)(n % sources->views);
    return status;
}

void sample_release(struct sample *sample) {
    record_release(&sample->record);
}

struct random_key sample_key(const struct sample *sample, enum sample_purpose purpose) {
    return random_subkey(sample->key, purpose);
}
