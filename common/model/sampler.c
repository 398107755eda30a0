#include "model/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"

struct candidate {
    float score;
    int32_t token;
    double probability; // unnormalised
};

void sampler_init(struct sampler *sampler, const struct text_config *config) {
    size_t V = (size_t)config->vocab_size;
    *sampler =
        (struct sampler){config, NULL, xcalloc(V, sizeof *sampler->score), xcalloc(V, sizeof *sampler->candidate)};
}

void sampler_release(struct sampler *sampler) {
    free(sampler->score);
    free(sampler->candidate);
}

// Keskar et al. 2019 ("CTRL"), as transformers has it: scores of tokens that occurred move away from being chosen.
static void penalise_repetition(float *score, const float *logits, const int32_t *token, int length, double penalty) {
    for (int t = 0; t < length; t++) {
        float logit = logits[token[t]];
        score[token[t]] = (float)(logit < 0 ? logit * penalty : logit / penalty);
    }
}

static void set_scores(struct sampler *sampler, const float *logits, const int32_t *token, int length) {
    const struct text_config *config = sampler->config;
    const struct generate_options *options = sampler->options;
    memcpy(sampler->score, logits, (size_t)config->vocab_size * sizeof *logits);
    if (options->repetition_penalty != 1)
        penalise_repetition(sampler->score, logits, token, length, options->repetition_penalty);
    sampler->score[config->pad_id] = sampler->score[config->bos_id] = -INFINITY;
    if (length + 1 < options->min_length) sampler->score[config->eos_id] = -INFINITY;
}

static int32_t best(const float *score, int V) {
    int32_t token = 0;
    for (int v = 1; v < V; v++)
        if (score[v] > score[token]) token = v;
    return token;
}

static int by_score(const void *a_, const void *b_) {
    const struct candidate *a = a_, *b = b_;
    if (a->score != b->score) return a->score < b->score ? 1 : -1;
    return a->token < b->token ? -1 : 1;
}

// The candidates in falling order with their probabilities at this temperature; returns the sum of these.
static double rank_candidates(struct sampler *sampler, int count) {
    double sum = 0;
    struct candidate *candidate = sampler->candidate;
    for (int v = 0; v < sampler->config->vocab_size; v++) candidate[v] = (struct candidate){sampler->score[v], v, 0};
    qsort(candidate, (size_t)sampler->config->vocab_size, sizeof *candidate, by_score);
    for (int i = 0; i < count; i++) {
        candidate[i].probability =
            exp(((double)candidate[i].score - candidate[0].score) / sampler->options->temperature);
        sum += candidate[i].probability;
    }
    return sum;
}

// The smallest number of candidates that hold top_p of the sum; `sum` becomes theirs.
static int cut_nucleus(const struct candidate *candidate, int count, double top_p, double *sum) {
    double kept = 0;
    int n = 0;
    while (n < count && (n == 0 || kept < top_p * *sum)) kept += candidate[n++].probability;
    *sum = kept;
    return n;
}

static int32_t draw(struct sampler *sampler, double uniform) {
    const struct generate_options *options = sampler->options;
    int V = sampler->config->vocab_size, count = options->top_k > 0 && options->top_k < V ? options->top_k : V;
    double sum = rank_candidates(sampler, count), below = 0;
    if (options->top_p < 1) count = cut_nucleus(sampler->candidate, count, options->top_p, &sum);
    for (int i = 0; i < count; i++) {
        below += sampler->candidate[i].probability;
        if (uniform * sum < below) return sampler->candidate[i].token;
    }
    return sampler->candidate[0].token;
}

int32_t sampler_choose(struct sampler *sampler, const float *logits, const int32_t *token, int length, int64_t id) {
    const struct generate_options *options = sampler->options;
    set_scores(sampler, logits, token, length);
    if (!options->sample) return best(sampler->score, sampler->config->vocab_size);
    struct random_key key = random_subkey(random_key(options->seed, "generate"), (uint64_t)id);
    return draw(sampler, random_uniform(key, (uint64_t)length));
}
