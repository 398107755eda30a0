// One choice of one token: scores from logits (scores.c), then the likeliest, or a draw from those that top_k and top_p
// leave. sampling.c calls it for each caption and place. Cuts come before the temperature, as in open_clip's generate:
// there the warper sees plain logits, and the softmax divides by the temperature what is left. A draw is a function of
// (seed, picture, caption, place), so captions do not depend on what else is in the batch.
#include "model/generate/sampler.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

void sampler_init(struct sampler *sampler, struct score_rules rules) {
    size_t V = (size_t)rules.config->vocab_size;
    *sampler = (struct sampler){.rules = rules,
                                .score = xcalloc(V, sizeof *sampler->score),
                                .candidate = xcalloc(V, sizeof *sampler->candidate)};
    quick_draw_init(&sampler->quick, (int)V);
}

void sampler_release(struct sampler *sampler) {
    free(sampler->score);
    free(sampler->candidate);
    quick_draw_release(&sampler->quick);
}

static int32_t best(const float *score, int V) {
    int32_t token = 0;
    for (int v = 1; v < V; v++)
        if (score[v] > score[token]) token = v;
    return token;
}

// ---- a heap with the likeliest candidate first, so that the few that are drawn from are found without sorting all

static bool before(const struct candidate *a, const struct candidate *b) {
    return a->score != b->score ? a->score > b->score : a->token < b->token;
}

static void sift(struct candidate *heap, int n, int i) {
    struct candidate moved = heap[i];
    for (int child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && before(&heap[child + 1], &heap[child])) child++;
        if (!before(&heap[child], &moved)) break;
        heap[i] = heap[child];
    }
    heap[i] = moved;
}

// Moves the first of the heap behind its end.
static void pop(struct candidate *heap, int n) {
    struct candidate first = heap[0];
    heap[0] = heap[n - 1];
    sift(heap, n - 1, 0);
    heap[n - 1] = first;
}

static void reverse(struct candidate *candidate, int n) {
    for (int i = 0; i < n / 2; i++) {
        struct candidate other = candidate[i];
        candidate[i] = candidate[n - 1 - i];
        candidate[n - 1 - i] = other;
    }
}

// ---- drawing

// All tokens that can be drawn, as a heap.
static int list(struct sampler *sampler) {
    int V = sampler->rules.config->vocab_size, n = 0;
    const float *score = sampler->score;
    for (int v = 0; v < V; v++)
        if (score[v] != -INFINITY) sampler->candidate[n++] = (struct candidate){score[v], v, 0};
    for (int i = n / 2 - 1; i >= 0; i--) sift(sampler->candidate, n, i);
    return n;
}

// The highest score, first of the heap or of the list, is taken off before exp, which changes no ratio and cannot
// overflow. Returns the sum.
static double weigh(struct candidate *candidate, int n, double temperature) {
    const double highest = candidate[0].score;
    double sum = 0;
    for (int i = 0; i < n; i++) {
        candidate[i].probability = exp((candidate[i].score - highest) / temperature);
        sum += candidate[i].probability;
    }
    return sum;
}

static bool cuts(const struct generate_options *options) {
    return options->top_k > 0 || options->top_p < 1;
}

// How many of the first hold `mass`: a token is kept while those likelier than it hold less, so the one that crosses
// the line is kept, and the likeliest always.
static int nucleus(const struct candidate *candidate, int n, double mass) {
    double held = 0;
    int kept = 0;
    while (kept < n && (!kept || held < mass)) held += candidate[kept++].probability;
    return kept;
}

// Puts the likeliest first: the top_k, or as many as hold top_p of the sum; of the top_k those that hold top_p of
// theirs. The heap gives them up one by one: k·log V steps for the k that are taken, instead of a sort of V.
static int cut(struct sampler *sampler, int n, double sum) {
    const struct generate_options *options = sampler->rules.options;
    bool by_count = options->top_k > 0 && options->top_k < n;
    int most = by_count ? options->top_k : n, kept = 0;
    double held = 0, enough = by_count ? INFINITY : options->top_p * sum;
    while (kept < most && (!kept || held < enough)) {
        pop(sampler->candidate, n - kept);
        held += sampler->candidate[n - ++kept].probability;
    }
    reverse(sampler->candidate, n);
    // the heap left the likeliest at the end
    return nucleus(sampler->candidate, kept, options->top_p * (by_count ? held : sum));
}

int sampler_candidates(struct sampler *sampler, const float *logits, const int32_t *token, int length, double *sum) {
    const struct generate_options *options = sampler->rules.options;
    scores_of(&sampler->rules, sampler->score, logits, token, length);
    int n = list(sampler);
    if (cuts(options)) n = cut(sampler, n, weigh(sampler->candidate, n, 1));
    *sum = weigh(sampler->candidate, n, options->temperature);
    return n;
}

// Rounding may leave the point behind the last sum; then the first is taken.
static int32_t draw(const struct candidate *candidate, int n, double point) {
    double below = 0;
    for (int i = 0; i < n; i++) {
        below += candidate[i].probability;
        if (point < below) return candidate[i].token;
    }
    return candidate[0].token;
}

int32_t sampler_draw(struct sampler *sampler, const float *logits, const int32_t *token, int length, double point) {
    double sum;
    const int n = sampler_candidates(sampler, logits, token, length, &sum);
    return draw(sampler->candidate, n, point * sum);
}

// Places are counters under a caption's key. So that captions behind the first share no pair of key and counter with
// it, they have keys of their own.
struct random_key sampler_key(const struct sampler *sampler, int64_t picture, int caption) {
    const struct random_key first =
        random_subkey(random_key(sampler->rules.options->seed, "generate"), (uint64_t)picture);
    return caption ? random_subkey(first, (uint64_t)caption) : first;
}

int32_t sampler_choose(struct sampler *sampler, const float *logits, const int32_t *token, int length,
                       struct random_key key) {
    const struct generate_options *options = sampler->rules.options;
    const double point = options->sample ? random_uniform(key, (uint64_t)length) : 0;
    if (options->sample && !cuts(options)) return sampler_draw(sampler, logits, token, length, point);
    scores_of(&sampler->rules, sampler->score, logits, token, length);
    if (!options->sample) return best(sampler->score, sampler->rules.config->vocab_size);
    return quick_draw(&sampler->quick, options, sampler->score, point);
}
