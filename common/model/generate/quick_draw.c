// sampler.c says what a draw is: of the tokens, the likeliest first, those that top_k and top_p leave, and of these the
// one in whose share the point falls. Only two places in that order must be known, where the cut is and where the point
// is. So tokens are dealt into buckets by their scores, a bucket's tokens all before the next one's; sums over buckets
// find the bucket of a place, and the few tokens in it are sorted. Behind a cut nothing is weighed any more. sampling.c
// draws so; the order of sums is another than the plain draw's, and so their last bits.
#include "model/generate/quick_draw.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { BLOCK = 256, LAST_BUCKET = DRAW_BUCKETS - 1 };

// The first `within` of a bucket's `count` tokens, and all tokens of those before it.
struct place {
    int bucket, within, count;
};

void quick_draw_init(struct quick_draw *draw, int V) {
    *draw = (struct quick_draw){.V = V, .kernels = draw_fastest()};
    draw->bucket = xcalloc((size_t)V, sizeof *draw->bucket);
    draw->token = xcalloc((size_t)V, sizeof *draw->token);
    draw->few = xcalloc((size_t)V, sizeof *draw->few);
    draw->room = xcalloc((size_t)V, sizeof *draw->room);
}

void quick_draw_release(struct quick_draw *draw) {
    free(draw->bucket);
    free(draw->token);
    free(draw->few);
    free(draw->room);
}

static int find(struct quick_draw *draw, int first, int last) {
    return draw->kernels->find(draw->token, draw->bucket, draw->V, first, last);
}

// ---- weights of buckets: tokens with even numbers, and with odd ones, have sums of their own, since neighbours often
// share a bucket, whose sum would have to be written before it can be read again.

static void add_all(const struct quick_draw *draw, double sum[2][DRAW_BUCKETS], double temperature) {
    double weight[BLOCK];
    for (int first = 0; first < draw->V; first += BLOCK) {
        const int n = draw->V - first < BLOCK ? draw->V - first : BLOCK;
        const uint16_t *bucket = draw->bucket + first;
        draw->kernels->weigh(weight, draw->score + first, n, draw->highest, temperature);
        for (int i = 0; i + 1 < n; i += 2) {
            sum[0][bucket[i]] += weight[i];
            sum[1][bucket[i + 1]] += weight[i + 1];
        }
        if (n % 2) sum[0][bucket[n - 1]] += weight[n - 1];
    }
}

static void add_found(const struct quick_draw *draw, double sum[2][DRAW_BUCKETS], double temperature, int found) {
    float score[BLOCK];
    double weight[BLOCK];
    for (int first = 0; first < found; first += BLOCK) {
        const int n = found - first < BLOCK ? found - first : BLOCK;
        const int32_t *token = draw->token + first;
        for (int i = 0; i < n; i++) score[i] = draw->score[token[i]];
        draw->kernels->weigh(weight, score, n, draw->highest, temperature);
        for (int i = 0; i < n; i++) sum[token[i] % 2][draw->bucket[token[i]]] += weight[i];
    }
}

// Of the buckets up to `last`.
static void weigh(struct quick_draw *draw, double temperature, int last) {
    double sum[2][DRAW_BUCKETS] = {0};
    if (last == LAST_BUCKET)
        add_all(draw, sum, temperature);
    else
        add_found(draw, sum, temperature, find(draw, 0, last));
    for (int b = 0; b <= last; b++) draw->weight[b] = sum[0][b] + sum[1][b];
}

// ---- one bucket

// Ascends where scores fall; −0 is 0.
static uint32_t order_of(float score) {
    const float sum = score + 0;
    uint32_t bits;
    memcpy(&bits, &sum, sizeof bits);
    return bits >> 31 ? bits : bits ^ 0x7fffffff;
}

static void sort_by_digit(struct candidate *to, const struct candidate *from, int n, int shift, int place[256]) {
    for (int i = 0, before = 0; i < 256; i++) {
        const int count = place[i];
        place[i] = before;
        before += count;
    }
    for (int i = 0; i < n; i++) to[place[order_of(from[i].score) >> shift & 255]++] = from[i];
}

// By scores; what is equal stays in the order of tokens. A digit that is the same in all is passed over.
static void sort_few(struct quick_draw *draw, int n) {
    int count[4][256] = {0};
    for (int i = 0; i < n; i++)
        for (int d = 0; d < 4; d++) count[d][order_of(draw->few[i].score) >> 8 * d & 255]++;
    for (int d = 0; d < 4; d++) {
        if (count[d][order_of(draw->few[0].score) >> 8 * d & 255] == n) continue;
        struct candidate *sorted = draw->room;
        sort_by_digit(sorted, draw->few, n, 8 * d, count[d]);
        draw->room = draw->few;
        draw->few = sorted;
    }
}

static void weigh_few(struct quick_draw *draw, int count, double temperature) {
    float score[BLOCK];
    double weight[BLOCK];
    for (int first = 0; first < count; first += BLOCK) {
        const int n = count - first < BLOCK ? count - first : BLOCK;
        struct candidate *few = draw->few + first;
        for (int i = 0; i < n; i++) score[i] = few[i].score;
        draw->kernels->weigh(weight, score, n, draw->highest, temperature);
        for (int i = 0; i < n; i++) few[i].probability = weight[i];
    }
}

// Its tokens in order, with their weights. Returns how many.
static int sort_bucket(struct quick_draw *draw, double temperature, int bucket) {
    if (draw->sorted != bucket) {
        const int n = draw->sorted_count = find(draw, bucket, bucket);
        draw->sorted = bucket;
        for (int i = 0; i < n; i++) draw->few[i] = (struct candidate){draw->score[draw->token[i]], draw->token[i], 0};
        sort_few(draw, n);
    }
    weigh_few(draw, draw->sorted_count, temperature);
    return draw->sorted_count;
}

// ---- places

// The likeliest tokens are in few buckets, mostly.
static struct place place_of_count(struct quick_draw *draw, int wanted) {
    int count[DRAW_BUCKETS] = {0}, last = 63, found;
    while ((found = find(draw, 0, last)) < wanted) last = 2 * last + 1;
    for (int i = 0; i < found; i++) count[draw->bucket[draw->token[i]]]++;
    struct place place = {0, wanted, 0};
    while (place.within > count[place.bucket]) place.within -= count[place.bucket++];
    place.count = count[place.bucket];
    return place;
}

static double mass_before(struct quick_draw *draw, double temperature, struct place place) {
    double mass = 0;
    for (int b = 0; b < place.bucket; b++) mass += draw->weight[b];
    if (place.within == place.count) return mass + draw->weight[place.bucket];
    sort_bucket(draw, temperature, place.bucket);
    for (int i = 0; i < place.within; i++) mass += draw->few[i].probability;
    return mass;
}

// Where the tokens first hold `mass`, at the latest `last`; the token that crosses the line is the last of them, in
// draw->few.
static struct place place_of_mass(struct quick_draw *draw, double temperature, double mass, struct place last) {
    double held = 0;
    int b = 0, found = -1;
    for (; b < last.bucket && held + draw->weight[b] < mass; b++) {
        held += draw->weight[b];
        if (draw->weight[b] > 0) found = b;
    }
    // rounding may leave less than `mass`, and nothing in the last bucket
    if (b == last.bucket && !last.within && found >= 0) b = found;
    const int n = sort_bucket(draw, temperature, b), most = b == last.bucket ? last.within : n;
    int within = 0;
    do held += draw->few[within++].probability;
    while (within < most && held < mass);
    return (struct place){b, within, n};
}

int32_t quick_draw(struct quick_draw *draw, const struct generate_options *options, const float *score,
                   double uniform) {
    const double T = options->temperature;
    draw->score = score;
    draw->highest = draw->kernels->highest(score, draw->V);
    draw->sorted = -1;
    const struct draw_dealt dealt = draw->kernels->deal(draw->bucket, score, draw->V, draw->highest);
    // all tokens but the forbidden ones, the last of the last bucket
    struct place last = {LAST_BUCKET, dealt.last - dealt.forbidden, dealt.last};
    const bool by_count = options->top_k > 0 && options->top_k < draw->V - dealt.forbidden,
               by_mass = options->top_p < 1;
    if (by_count) last = place_of_count(draw, options->top_k);
    if (by_mass) {
        weigh(draw, 1, last.bucket);
        last = place_of_mass(draw, 1, options->top_p * mass_before(draw, 1, last), last);
    }
    if (!by_mass || T != 1) weigh(draw, T, last.bucket);
    const double point = uniform * mass_before(draw, T, last);
    const struct place place = place_of_mass(draw, T, point, last);
    return draw->few[place.within - 1].token;
}
