// sampler.c says what a draw is: of the tokens, the likeliest first, those that top_k and top_p leave, and of these the
// one in whose share the point falls. Only two places in that order must be known, where the cut is and where the point
// is. So tokens are dealt into buckets by their scores, a bucket's tokens all before the next one's; sums over buckets
// find the bucket of a place, and the few tokens in it are sorted. sampling.c draws so; the order of sums is another
// than the plain draw's, and so their last bits.
#include "model/generate/quick_draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

// A bucket's width is 1/64 of a logit. Tokens behind the last have less than e^−31 of the likeliest one's share.
#define BUCKETS_OF_ONE 64
enum { BLOCK = 128 };

// The first `within` tokens of a bucket, and all of those before it.
struct place {
    int bucket, within;
};

void quick_draw_init(struct quick_draw *draw, int V) {
    *draw = (struct quick_draw){.V = V};
    draw->bucket = xcalloc((size_t)V, sizeof *draw->bucket);
    draw->few = xcalloc((size_t)V, sizeof *draw->few);
}

void quick_draw_release(struct quick_draw *draw) {
    free(draw->bucket);
    free(draw->few);
}

// ---- weights

// Compilers make no vectors of loops with a choice in them, so these are vectors by type: of two, which every x86-64
// has, so that results are the same on all.
typedef double pair __attribute__((vector_size(16)));
typedef int64_t pair_bits __attribute__((vector_size(16)));

// e^x for −700 ≤ x ≤ 0, to 2 units in the last place: x = n·ln 2 + r, Taylor's series of e^r to r^13 (|r| < 0.35, so
// the rest is below 1e-17), and n added to the exponent. n is rounded by adding 1.5·2^52, in whose last bits it then
// stands; ln 2 is in two parts, of which n times the first is exact.
static inline pair exponential(pair x) {
    const pair shifted = x * 0x1.71547652b82fep0 + 0x1.8p52, n = shifted - 0x1.8p52;
    const pair r = x - n * 0x1.62e42fee00000p-1 - n * 0x1.a39ef35793c76p-33;
    static const double factorial[] = {6227020800, 479001600, 39916800, 3628800, 362880, 40320, 5040,
                                       720,        120,       24,       6,       2,      1,     1};
    pair sum = {0};
    for (int i = 0; i < 14; i++) sum = sum * r + 1 / factorial[i];
    return (pair)((pair_bits)sum + ((pair_bits)shifted << 52));
}

// Forbidden tokens, at −∞, get a share that adds nothing to any sum.
static inline pair weigh_pair(const float score[2], float highest, double temperature) {
    const pair x = ((pair){score[0], score[1]} - highest) / temperature, least = {-700, -700};
    const pair_bits above = x > least;
    return exponential((pair)(((pair_bits)x & above) | ((pair_bits)least & ~above)));
}

static double weight_of(float score, float highest, double temperature) {
    return weigh_pair((const float[]){score, score}, highest, temperature)[0];
}

// What is not a number goes to the end.
static inline int bucket_of(float score, float highest) {
    const float place = (highest - score) * BUCKETS_OF_ONE;
    return place < DRAW_BUCKETS - 1 ? (int)place : DRAW_BUCKETS - 1;
}

// Sums of several lanes, so that no comparison waits for the one before it.
static float highest_of(const float *score, int V) {
    enum { LANES = 16 };
    float most[LANES], highest = score[0];
    int v = 0;
    for (int i = 0; i < LANES; i++) most[i] = score[0];
    for (; v + LANES <= V; v += LANES)
        for (int i = 0; i < LANES; i++) most[i] = score[v + i] > most[i] ? score[v + i] : most[i];
    for (; v < V; v++) highest = score[v] > highest ? score[v] : highest;
    for (int i = 0; i < LANES; i++) highest = most[i] > highest ? most[i] : highest;
    return highest;
}

static void deal(struct quick_draw *draw, const float *score, float highest) {
    memset(draw->count, 0, sizeof draw->count);
    for (int v = 0; v < draw->V; v++) draw->bucket[v] = (uint16_t)bucket_of(score[v], highest);
    for (int v = 0; v < draw->V; v++) draw->count[draw->bucket[v]]++;
}

static void weigh_block(double block[BLOCK], const float *score, int n, float highest, double temperature) {
    for (int i = 0; i + 1 < n; i += 2) {
        const pair weights = weigh_pair(score + i, highest, temperature);
        memcpy(block + i, &weights, sizeof weights);
    }
    if (n % 2) block[n - 1] = weight_of(score[n - 1], highest, temperature);
}

// Neighbours often share a bucket, whose sum would have to be written before it can be read again: so there are two.
static void weigh(struct quick_draw *draw, const float *score, float highest, double temperature) {
    double block[BLOCK], odd[DRAW_BUCKETS] = {0};
    memset(draw->weight, 0, sizeof draw->weight);
    for (int first = 0; first < draw->V; first += BLOCK) {
        const int n = draw->V - first < BLOCK ? draw->V - first : BLOCK;
        const uint16_t *bucket = draw->bucket + first;
        weigh_block(block, score + first, n, highest, temperature);
        for (int i = 0; i + 1 < n; i += 2) {
            draw->weight[bucket[i]] += block[i];
            odd[bucket[i + 1]] += block[i + 1];
        }
        if (n % 2) draw->weight[bucket[n - 1]] += block[n - 1];
    }
    for (int b = 0; b < DRAW_BUCKETS; b++) draw->weight[b] += odd[b];
}

// ---- one bucket

static int by_likelihood(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->token - y->token;
}

static bool any_of(const uint16_t bucket[BLOCK], int wanted) {
    uint16_t any = 0;
    for (int i = 0; i < BLOCK; i++) any |= bucket[i] == wanted;
    return any;
}

// Its tokens in order, with their weights. Returns how many.
static int sort_bucket(struct quick_draw *draw, int bucket, const float *score, float highest, double temperature) {
    int n = 0;
    for (int first = 0; first < draw->V; first += BLOCK) {
        const int end = draw->V - first < BLOCK ? draw->V : first + BLOCK;
        if (end == first + BLOCK && !any_of(draw->bucket + first, bucket)) continue;
        for (int v = first; v < end; v++)
            if (draw->bucket[v] == bucket)
                draw->few[n++] = (struct candidate){score[v], v, weight_of(score[v], highest, temperature)};
    }
    qsort(draw->few, (size_t)n, sizeof *draw->few, by_likelihood);
    return n;
}

// ---- places

// All tokens that may be drawn; how many, in *n.
static struct place everything(const struct quick_draw *draw, const float *score, int *n) {
    int forbidden = 0;
    for (int v = 0; v < draw->V; v++) forbidden += score[v] == -INFINITY;
    *n = draw->V - forbidden;
    return (struct place){DRAW_BUCKETS - 1, draw->count[DRAW_BUCKETS - 1] - forbidden};
}

static struct place place_of_count(const struct quick_draw *draw, int count) {
    struct place place = {0, count};
    while (place.within > draw->count[place.bucket]) place.within -= draw->count[place.bucket++];
    return place;
}

static double mass_before(struct quick_draw *draw, struct place place, const float *score, float highest,
                          double temperature) {
    double mass = 0;
    for (int b = 0; b < place.bucket; b++) mass += draw->weight[b];
    if (place.within == draw->count[place.bucket]) return mass + draw->weight[place.bucket];
    sort_bucket(draw, place.bucket, score, highest, temperature);
    for (int i = 0; i < place.within; i++) mass += draw->few[i].probability;
    return mass;
}

// Where the tokens first hold `mass`, at the latest `last`; the token that crosses the line is the last of them, in
// draw->few.
static struct place place_of_mass(struct quick_draw *draw, double mass, struct place last, const float *score,
                                  float highest, double temperature) {
    double held = 0;
    int b = 0, found = -1;
    for (; b < last.bucket && held + draw->weight[b] < mass; b++) {
        held += draw->weight[b];
        if (draw->count[b]) found = b;
    }
    // rounding may leave less than `mass`, and nothing in the last bucket
    if (b == last.bucket && !last.within && found >= 0) b = found;
    const int n = sort_bucket(draw, b, score, highest, temperature), most = b == last.bucket ? last.within : n;
    int within = 0;
    do held += draw->few[within++].probability;
    while (within < most && held < mass);
    return (struct place){b, within};
}

int32_t quick_draw(struct quick_draw *draw, const struct generate_options *options, const float *score,
                   double uniform) {
    const float highest = highest_of(score, draw->V);
    const double T = options->temperature;
    int n;
    deal(draw, score, highest);
    weigh(draw, score, highest, 1);
    struct place last = everything(draw, score, &n);
    if (options->top_k > 0 && options->top_k < n) last = place_of_count(draw, options->top_k);
    if (options->top_p < 1)
        last =
            place_of_mass(draw, options->top_p * mass_before(draw, last, score, highest, 1), last, score, highest, 1);
    if (T != 1) weigh(draw, score, highest, T);
    const double point = uniform * mass_before(draw, last, score, highest, T);
    const struct place place = place_of_mass(draw, point, last, score, highest, T);
    return draw->few[place.within - 1].token;
}
