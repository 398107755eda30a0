// Which sample stands where (plan.h). It is arithmetic without state: any worker makes sample n without asking anyone,
// a run resumes at any n, and how many workers, microbatches or replicas there are changes nothing. sources.c asks for
// each sample; the price of having no list to shuffle is a keyed permutation (random_permute), a few rounds of mixing a
// draw.
//
// Why each source covers itself once an epoch: of any W samples in a row exactly a_j are source j's, so its draws are k
// = (n div W)·a_j + rank = 0, 1, 2, … without gap or repetition. Draws e·size … (e + 1)·size − 1 are its epoch e, and
// the permutation keyed by e is one-to-one on 0 … size − 1. Sources end their epochs at different n, and nothing waits.
#include "dataset/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/hash.h"
#include "base/text.h"
#include "dataset/blocks.h"

#define SOURCE_SIZE_LIMIT ((int64_t)1 << 48) // an id has 48 bits for the record

struct plan {
    struct plan_source source[PLAN_SOURCES];
    int count, weight_sum; // W
    bool shuffle;
    int64_t records;
    uint64_t fingerprint;
    struct random_key order[PLAN_SOURCES], sample;
    int64_t window;                      // of blocks; 0: global
    struct blocks *blocks[PLAN_SOURCES]; // NULL: global
    struct slot {
        int source, rank; // the rank-th place of its source in the pattern
    } pattern[PLAN_WEIGHT_SUM];
};

// Bounds for what follows: an id has 48 bits for the record, and the pattern is a table of W places.
static int check(const struct plan_source *source, int count) {
    if (count < 1 || count > PLAN_SOURCES)
        return error(EXIT_USAGE, "%d datasets: there must be 1 to %d", count, PLAN_SOURCES);
    int sum = 0;
    for (int j = 0; j < count; j++) {
        if (source[j].size < 1) return error(EXIT_USAGE, "dataset %d of %d is empty", j + 1, count);
        if (source[j].size >= SOURCE_SIZE_LIMIT) return error(EXIT_USAGE, "dataset %d has too many records", j + 1);
        if (source[j].weight < 1 || (sum += source[j].weight) > PLAN_WEIGHT_SUM)
            return error(EXIT_USAGE, "weights must be whole numbers from 1 that sum up to %d at most", PLAN_WEIGHT_SUM);
    }
    return 0;
}

// A number of parts that only the smaller datasets lack is meant for the larger ones.
static int check_window(const struct plan_source *source, int count, int64_t window) {
    int most = 0;
    for (int j = 0; j < count; j++)
        if (source[j].parts > most) most = source[j].parts;
    if (window <= most) return 0;
    return error(EXIT_USAGE, "--shuffle blocks:%lld: %s has %d parts (shards, or objects), so W is 1 to %d",
                 (long long)window, count > 1 ? "the dataset of most" : "the dataset", most, most);
}

// The even interleaving: place i goes to the source that is furthest behind its share (i + 1)·a_j / W, the first of
// equals; 3::1 gives 0 0 1 0. What all are behind sums up to one place, so the chosen one had less than its share,
// which is a_j at most: after W places each source has had exactly a_j.
static void interleave(struct plan *plan) {
    int taken[PLAN_SOURCES] = {0};
    for (int i = 0; i < plan->weight_sum; i++) {
        int best = 0;
        int64_t most = INT64_MIN;
        for (int j = 0; j < plan->count; j++) {
            const int64_t behind = (int64_t)(i + 1) * plan->source[j].weight - (int64_t)taken[j] * plan->weight_sum;
            if (behind > most) most = behind, best = j;
        }
        plan->pattern[i] = (struct slot){best, taken[best]++};
    }
}

// All that decides where samples stand but the seed. It keys the permutations: with other data, or other weights, a run
// with the same seed is another run, not a shifted one.
static uint64_t fingerprint_of(const struct plan *plan) {
    uint64_t hash = hash_bytes(NULL, 0, plan->shuffle);
    for (int j = 0; j < plan->count; j++) {
        const struct plan_source *source = &plan->source[j];
        const uint64_t facts[] = {(uint64_t)source->size, source->fingerprint, (uint64_t)source->weight};
        hash = hash_bytes(facts, sizeof facts, hash);
        if (plan->window)
            hash = hash_bytes(source->first, ((size_t)source->parts + 1) * sizeof *source->first,
                              hash_bytes(&plan->window, sizeof plan->window, hash));
    }
    return hash;
}

static struct blocks *make_blocks(const struct plan *plan, int j) {
    const struct plan_source *source = &plan->source[j];
    if (!plan->window) return NULL;
    const int window = plan->window < source->parts ? (int)plan->window : source->parts;
    return blocks_new(source->first, source->parts, window, plan->order[j]);
}

// Keys part at each level, plan, order or sample, source: streams of draws of different purpose never meet.
int plan_new(struct plan **plan, const struct plan_source *source, int count, uint64_t seed, bool shuffle,
             int64_t window) {
    *plan = NULL;
    int status = check(source, count);
    if (!status && window) status = check_window(source, count, window);
    if (status) return status;
    struct plan *new = *plan = xcalloc(1, sizeof *new);
    memcpy(new->source, source, (size_t)count * sizeof *source);
    new->count = count;
    new->shuffle = shuffle;
    new->window = shuffle ? window : 0;
    for (int j = 0; j < count; j++) {
        new->weight_sum += source[j].weight;
        new->records += source[j].size;
    }
    interleave(new);
    new->fingerprint = fingerprint_of(new);
    const struct random_key key = random_subkey(random_key(seed, "plan"), new->fingerprint);
    const struct random_key order = random_subkey(key, 0);
    new->sample = random_subkey(key, 1);
    for (int j = 0; j < count; j++) {
        new->order[j] = random_subkey(order, (uint64_t)j);
        new->blocks[j] = make_blocks(new, j);
    }
    return 0;
}

void plan_free(struct plan **plan) {
    for (int j = 0; *plan && j < (*plan)->count; j++) blocks_free(&(*plan)->blocks[j]);
    free(*plan);
    *plan = NULL;
}

uint64_t plan_fingerprint(const struct plan *plan) {
    return plan->fingerprint;
}

int64_t plan_records(const struct plan *plan) {
    return plan->records;
}

// The permutation has no table: a Feistel network maps pairs (left, right) to (right, left ^ f(right)), which can be
// undone whatever f is, so it is one-to-one on all numbers of 2h bits; what lands beyond size − 1 is mapped again until
// it does not. Another epoch has another key and so another order, and element 5 of it costs as much as element
// 5,000,000.
static void place_shuffled(const struct plan *plan, int64_t n, struct plan_sample *sample) {
    const struct slot slot = plan->pattern[n % plan->weight_sum];
    const struct plan_source *source = &plan->source[slot.source];
    const int64_t draw = n / plan->weight_sum * source->weight + slot.rank;
    sample->source = slot.source;
    sample->epoch = draw / source->size;
    if (plan->blocks[slot.source]) {
        sample->record = blocks_at(plan->blocks[slot.source], sample->epoch, draw % source->size);
        return;
    }
    const struct random_key key = random_subkey(plan->order[slot.source], (uint64_t)sample->epoch);
    sample->record = (int64_t)random_permute(key, (uint64_t)source->size, (uint64_t)(draw % source->size));
}

// A few sources, so they are walked past.
static void place_in_order(const struct plan *plan, int64_t n, struct plan_sample *sample) {
    if (n >= plan->records) bug("sample %lld of a plan of %lld", (long long)n, (long long)plan->records);
    for (sample->record = n; sample->record >= plan->source[sample->source].size; sample->source++)
        sample->record -= plan->source[sample->source].size;
}

// The sample's own key depends on n and not on the record: when a record comes again, it is cropped otherwise.
struct plan_sample plan_at(const struct plan *plan, int64_t n) {
    if (n < 0) bug("sample %lld", (long long)n);
    struct plan_sample sample = {.key = random_subkey(plan->sample, (uint64_t)n)};
    if (plan->shuffle)
        place_shuffled(plan, n, &sample);
    else
        place_in_order(plan, n, &sample);
    sample.id = (int64_t)sample.source << 48 | sample.record;
    return sample;
}

int plan_window(const struct plan *plan, int source) {
    const struct plan_source *of = &plan->source[source];
    return plan->window < of->parts ? (int)plan->window : of->parts;
}

// Draws that the samples before n took.
static int64_t draws_before(const struct plan *plan, int source, int64_t n) {
    int64_t draws = n / plan->weight_sum * plan->source[source].weight;
    for (int i = 0; i < n % plan->weight_sum; i++) draws += plan->pattern[i].source == source;
    return draws;
}

int plan_near(const struct plan *plan, int source, int64_t n, int *part) {
    const int64_t draw = draws_before(plan, source, n), size = plan->source[source].size;
    return blocks_near(plan->blocks[source], draw / size, draw % size, part);
}

int plan_shuffle(const char *text, int64_t *window) {
    static const char blocks[] = "blocks:";
    *window = 0;
    if (!strcmp(text, "global")) return 0;
    const char *digits = text_begins(text, blocks) ? text + sizeof blocks - 1 : "";
    const size_t length = strspn(digits, "0123456789");
    if (length && length < 10 && !digits[length]) *window = atoi(digits);
    if (*window) return 0;
    return error(EXIT_USAGE, "--shuffle %s: it is global, or blocks:W, W parts at a time", text);
}

static bool read_weight(const char *text, int *weight) {
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text || *end || value < 1 || value > PLAN_WEIGHT_SUM) return false;
    *weight = (int)value;
    return true;
}

int plan_weights(const char *text, int count, int weight[PLAN_SOURCES]) {
    struct strings parts = {0};
    int status = 0;
    for (int j = 0; j < count; j++) weight[j] = 1;
    if (!text) return 0;
    text_split(&parts, text, "::");
    if (parts.count != (size_t)count)
        status = error(EXIT_USAGE, "weights \"%s\": there are %d datasets, each needs one", text, count);
    for (int j = 0; j < count && !status; j++)
        if (!read_weight(parts.item[j], &weight[j]))
            status = error(EXIT_USAGE, "weights \"%s\": expected whole numbers from 1, as in 3::1", text);
    strings_release(&parts);
    return status;
}
