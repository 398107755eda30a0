#include "model/generate.h"

#include <stdlib.h>

#include "base/fail.h"
#include "base/memory.h"
#include "model/beam_search.h"
#include "model/cached_decoder.h"
#include "model/sampler.h"

struct generator {
    struct score_rules rules;
    struct text_config config;
    struct cached_decoder decoder;
    struct sampler sampler;
    struct beam_search *beams; // NULL: one token at a time from the sampler
    struct caption_row *row;   // [batch], the captions that go on
    char *logits;              // [slots,V] of the compute type
    float *logits_row;         // [V]
};

static int length_of(const struct model_config *config, const struct generate_options *options) {
    int T = config->text.context_length;
    return options->max_length > 0 && options->max_length < T ? options->max_length : T;
}

static struct decoder_size size_of(const struct model_config *config, int batch,
                                   const struct generate_options *options) {
    return (struct decoder_size){batch, batch * beam_search_width(options), length_of(config, options)};
}

int generate_options_check(const struct model_config *config, const struct generate_options *o) {
    int length = length_of(config, o), groups = o->num_beam_groups > 1 ? o->num_beam_groups : 1;
    int begun = o->prompt ? o->prompt_length : 1;
    if (begun >= length)
        return error(EXIT_USAGE,
                     "--prompt has %d tokens with BOS, and a caption %d in all: shorten it, or raise --max-length",
                     begun, length);
    if (o->min_length >= length)
        return error(EXIT_USAGE, "--min-length %d: a caption has %d tokens at most (--max-length and the model)",
                     o->min_length, length);
    if (o->num_beams > 1 && o->num_beams % groups)
        return error(EXIT_USAGE, "--num-beams %d is no multiple of --num-beam-groups %d", o->num_beams, groups);
    if (o->num_beams > 1 && 2 * o->num_beams > config->text.vocab_size)
        return error(EXIT_USAGE, "--num-beams %d: more than half of the %d tokens", o->num_beams,
                     config->text.vocab_size);
    if (o->num_beams > 1 && o->sample) return error(EXIT_USAGE, "--sample and --num-beams exclude each other");
    return 0;
}

int64_t generator_bytes(const struct model_config *config, enum dtype dtype, int batch,
                        const struct generate_options *options) {
    return cached_decoder_bytes(config, dtype, size_of(config, batch, options));
}

struct generator *generator_new(const struct model_config *config, struct params *text, int batch,
                                const struct generate_options *options) {
    struct generator *generator = xcalloc(1, sizeof *generator);
    struct decoder_size size = size_of(config, batch, options);
    size_t V = (size_t)config->text.vocab_size;
    generator->config = config->text;
    generator->rules = (struct score_rules){&generator->config, options, config->family};
    cached_decoder_init(&generator->decoder, config, text, size);
    sampler_init(&generator->sampler, generator->rules);
    if (options->num_beams > 1) generator->beams = beam_search_new(&generator->rules, batch, size.T);
    generator->row = xcalloc((size_t)batch, sizeof *generator->row);
    generator->logits = xcalloc((size_t)size.slots * V, dtype_size(text->ops->dtype));
    generator->logits_row = xcalloc(V, sizeof *generator->logits_row);
    return generator;
}

void generator_free(struct generator **generator) {
    if (!*generator) return;
    cached_decoder_release(&(*generator)->decoder);
    sampler_release(&(*generator)->sampler);
    beam_search_free(&(*generator)->beams);
    free((*generator)->row);
    free((*generator)->logits);
    free((*generator)->logits_row);
    free(*generator);
    *generator = NULL;
}

// ---- the model, as a search sees it

static void step(void *context, int count, const struct caption_row *row, int place) {
    struct generator *generator = context;
    cached_decoder_step(&generator->decoder, count, row, place, generator->logits);
}

static const float *logits_of(void *context, int i) {
    struct generator *generator = context;
    enum dtype dtype = generator->decoder.ops->dtype;
    size_t V = (size_t)generator->config.vocab_size;
    const char *row = generator->logits + (size_t)i * V * dtype_size(dtype);
    if (dtype == DT_F32) return (const float *)row;
    dtype_convert(generator->logits_row, DT_F32, row, dtype, V);
    return generator->logits_row;
}

static void copy(void *context, int to, int from, int first, int count) {
    struct generator *generator = context;
    cached_decoder_copy(&generator->decoder, to, from, first, count);
}

// ---- without beams

// The prompt, or BOS, and padding for every caption; returns how many tokens stand.
static int begin_captions(struct generator *generator, int32_t *tokens, int B) {
    const struct generate_options *options = generator->rules.options;
    const int32_t *prompt = options->prompt ? options->prompt : &generator->config.bos_id;
    int T = generator->config.context_length, length = options->prompt ? options->prompt_length : 1;
    for (int i = 0; i < B * T; i++) tokens[i] = i % T < length ? prompt[i % T] : generator->config.pad_id;
    for (int b = 0; b < B; b++) generator->row[b] = (struct caption_row){b, b, 0};
    return length;
}

static void read_place(struct generator *generator, const int32_t *tokens, int count, int place) {
    for (int i = 0; i < count; i++) {
        struct caption_row *row = &generator->row[i];
        row->token = tokens[row->picture * generator->config.context_length + place];
    }
    step(generator, count, generator->row, place);
}

static bool ends(const struct generator *generator, int32_t token) {
    return token == generator->config.eos_id ||
           (generator->rules.family == FAMILY_OPEN_CLIP && token == generator->config.pad_id);
}

static int32_t choose(struct generator *generator, int i, const int32_t *token, int length, int64_t id) {
    bool last = length + 1 == generator->decoder.T;
    if (last && generator->rules.family == FAMILY_OPEN_CLIP) return generator->config.eos_id;
    return sampler_choose(&generator->sampler, logits_of(generator, i), token, length, id);
}

// Makes the tokens at place + 1 and drops finished captions from the list; returns how many go on.
static int extend_captions(struct generator *generator, int32_t *tokens, const int64_t *ids, int count, int place) {
    int T = generator->config.context_length, left = 0;
    read_place(generator, tokens, count, place);
    for (int i = 0; i < count; i++) {
        struct caption_row row = generator->row[i];
        int32_t *token = tokens + row.picture * T;
        token[place + 1] = choose(generator, i, token, place + 1, ids[row.picture]);
        if (!ends(generator, token[place + 1])) generator->row[left++] = row;
    }
    return left;
}

static void sample(struct generator *generator, int B, const int64_t *ids, int32_t *tokens) {
    int length = begin_captions(generator, tokens, B);
    for (int place = 0; place + 1 < length; place++) read_place(generator, tokens, B, place);
    for (int place = length - 1, left = B; place + 1 < generator->decoder.T && left; place++)
        left = extend_captions(generator, tokens, ids, left, place);
}

void generator_run(struct generator *generator, int B, const void *features, const int64_t *ids, int32_t *tokens) {
    const struct beam_model model = {generator, step, logits_of, copy};
    cached_decoder_begin(&generator->decoder, B, features);
    if (generator->beams) {
        beam_search_run(generator->beams, B, &model, tokens, generator->config.context_length);
    } else {
        sample(generator, B, ids, tokens);
    }
}
