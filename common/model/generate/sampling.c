// Captions that grow side by side, one token a step, until each has ended: greedy search and sampling. generate.c calls
// it and hands in the model; sampler.c makes each choice. A step has a row for all captions of a picture that are equal
// so far (shared_rows.c), and from its logits each draws its own token. A caption that has ended leaves the list, so
// that later steps are smaller. A picture's captions have its number times N and those behind it.
#include "model/generate/sampling.h"

#include <stdlib.h>

#include "base/memory.h"
#include "model/generate/shared_rows.h"
#include "ops/cpu/pool.h"

struct sampling {
    struct score_rules rules;
    struct pool *pool;
    struct sampler *sampler; // [threads of the pool], and each has
    float **room;            // [V], for logits
    int T;
    struct shared_rows rows;
};

// One run's captions.
struct run {
    struct sampling *sampling;
    const struct caption_model *model;
    const int64_t *numbers; // [B]
    int32_t *tokens;        // [captions,stride]
    int stride;
};

// Where threads cannot be had, one chooses alone.
static void open_samplers(struct sampling *sampling, int threads) {
    sampling->pool = pool_new(threads);
    if (!sampling->pool) sampling->pool = pool_new(1);
    const int count = pool_threads(sampling->pool);
    sampling->sampler = xcalloc((size_t)count, sizeof *sampling->sampler);
    sampling->room = xcalloc((size_t)count, sizeof *sampling->room);
    for (int i = 0; i < count; i++) {
        sampler_init(&sampling->sampler[i], sampling->rules);
        sampling->room[i] = xcalloc((size_t)sampling->rules.config->vocab_size, sizeof **sampling->room);
    }
}

static void close_samplers(struct sampling *sampling) {
    for (int i = 0; i < pool_threads(sampling->pool); i++) {
        sampler_release(&sampling->sampler[i]);
        free(sampling->room[i]);
    }
    free(sampling->sampler);
    free(sampling->room);
    pool_free(&sampling->pool);
}

struct sampling *sampling_new(const struct score_rules *rules, int batch, int T, int threads) {
    struct sampling *sampling = xcalloc(1, sizeof *sampling);
    sampling->rules = *rules;
    sampling->T = T;
    open_samplers(sampling, threads);
    shared_rows_init(&sampling->rows, batch, generate_captions_each(rules->options));
    return sampling;
}

void sampling_free(struct sampling **sampling) {
    if (!*sampling) return;
    close_samplers(*sampling);
    shared_rows_release(&(*sampling)->rows);
    free(*sampling);
    *sampling = NULL;
}

// The prompt and padding for every caption of B pictures; returns how many tokens stand.
static int begin_captions(const struct run *run, int B) {
    const struct score_rules *rules = &run->sampling->rules;
    int length;
    const int32_t *prompt = score_prompt(rules, &length);
    shared_rows_begin(&run->sampling->rows, B);
    for (int i = 0; i < run->sampling->rows.captions * run->stride; i++)
        run->tokens[i] = i % run->stride < length ? prompt[i % run->stride] : rules->config->pad_id;
    return length;
}

static void read_place(const struct run *run, int place) {
    struct shared_rows *rows = &run->sampling->rows;
    shared_rows_list(rows, run->model, run->tokens, run->stride, place);
    run->model->step(run->model->context, rows->count, rows->row, place);
}

static int32_t *tokens_of(const struct run *run, int i) {
    return run->tokens + run->sampling->rows.sharer[i].caption * run->stride;
}

static bool ends(const struct score_rules *rules, int32_t token) {
    return token == rules->config->eos_id || (rules->family == FAMILY_OPEN_CLIP && token == rules->config->pad_id);
}

// The model has the LIKELIEST largest logits found on the device, and only these few numbers come to the host. At most
// three tokens may be forbidden, so one of four is allowed, and it is the likeliest that is.
static int32_t choose_likeliest(const struct score_rules *rules, const int32_t *likeliest, int length) {
    int i = 0;
    while (i < LIKELIEST - 1 && !score_allows(rules, likeliest[i], length)) i++;
    return likeliest[i];
}

// Whether the order of logits is the order of scores: nothing is drawn, and no penalty moves them.
static bool likeliest_counts(const struct run *run) {
    const struct generate_options *options = run->sampling->rules.options;
    return run->model->likeliest && !options->sample && options->repetition_penalty == 1;
}

// A step's choices.
struct choices {
    const struct run *run;
    int place; // of the newest tokens
};

// open_clip ends a caption that fills its place with EOS, whatever the model would say there.
static bool ends_anyway(const struct choices *choices) {
    const struct sampling *sampling = choices->run->sampling;
    return choices->place + 2 == sampling->T && sampling->rules.family == FAMILY_OPEN_CLIP;
}

static int32_t choose(const struct choices *choices, int i, int thread) {
    const struct run *run = choices->run;
    const struct sampling *sampling = run->sampling;
    const int each = sampling->rows.each;
    const struct sharer sharer = sampling->rows.sharer[i];
    const int length = choices->place + 1;
    if (ends_anyway(choices)) return sampling->rules.config->eos_id;
    if (likeliest_counts(run))
        return choose_likeliest(&sampling->rules, run->model->likeliest(run->model->context, sharer.row), length);
    struct sampler *sampler = &sampling->sampler[thread];
    return sampler_choose(sampler, run->model->logits(run->model->context, sharer.row, sampling->room[thread]),
                          tokens_of(run, i), length,
                          sampler_key(sampler, run->numbers[sharer.caption / each], sharer.caption % each));
}

static void choose_share(const void *context, struct share share) {
    const struct choices *choices = context;
    const struct run *run = choices->run;
    const struct range range = share_of(share, run->sampling->rows.captions, 1);
    for (int64_t i = range.begin; i < range.end; i++)
        tokens_of(run, (int)i)[choices->place + 1] = choose(choices, (int)i, share.index);
}

// A choice among many logits costs a tenth of what the model's step does, so threads share them.
static void choose_all(const struct choices *choices) {
    const struct run *run = choices->run;
    const bool alone = ends_anyway(choices) || likeliest_counts(run) || run->sampling->rows.captions < 2;
    if (!alone) run->model->logits(run->model->context, 0, run->sampling->room[0]);
    pool_run(run->sampling->pool, alone, choose_share, choices);
}

// Behind the token at `place`.
static bool stops(const struct run *run, int32_t *token, int place) {
    const struct score_rules *rules = &run->sampling->rules;
    const struct generate_options *options = rules->options;
    if (!options->stops || !options->stops(options->stops_context, token, place + 1)) return false;
    if (place + 1 < run->sampling->T) token[place + 1] = rules->config->eos_id;
    return true;
}

// Makes the tokens at place + 1 and drops finished captions.
static void extend_captions(const struct run *run, int place) {
    struct shared_rows *rows = &run->sampling->rows;
    int left = 0;
    read_place(run, place);
    choose_all(&(struct choices){run, place});
    for (int i = 0; i < rows->captions; i++) {
        int32_t *token = tokens_of(run, i);
        if (!ends(&run->sampling->rules, token[place + 1]) && !stops(run, token, place + 1))
            rows->sharer[left++] = rows->sharer[i];
    }
    rows->captions = left;
}

void sampling_run(struct sampling *sampling, int B, const int64_t *numbers, const struct caption_model *model,
                  int32_t *tokens, int stride) {
    const struct run run = {sampling, model, numbers, tokens, stride};
    int length = begin_captions(&run, B);
    for (int place = 0; place + 1 < length; place++) read_place(&run, place);
    for (int place = length - 1; place + 1 < sampling->T && sampling->rows.captions; place++)
        extend_captions(&run, place);
}
