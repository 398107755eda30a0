// Captions of pictures whose features are known: joins the cached decoder (the model) with beam search or sampling (the
// choice), which do not know of each other. coca-text-decode calls it with --generate. It owns the host's copies of
// what a step gave, and fetches only what is asked for: a few token numbers where only the likeliest counts, else the
// logits [slots,V].
#include "model/generate/generate.h"

#include <stdlib.h>

#include "base/fail.h"
#include "base/memory.h"
#include "model/generate/beam_search.h"
#include "model/generate/cached_decoder.h"
#include "model/generate/sampling.h"

struct generator {
    struct score_rules rules;
    struct text_config config;
    struct cached_decoder decoder;
    struct sampling *sampling; // one of the two, the other NULL
    struct beam_search *beams;
    char *room;                     // [slots,V] of the compute type, NULL where the decoder's memory is the host's
    const char *logits;             // of that step, there or in the decoder
    int32_t *likeliest;             // [slots,LIKELIEST]
    int count;                      // rows of the last step
    bool has_logits, has_likeliest; // of that step
    bool finite;                    // all logits that were fetched
};

static int length_of(const struct model_config *config, const struct generate_options *options) {
    int T = config->text.context_length;
    return options->max_length > 0 && options->max_length < T ? options->max_length : T;
}

// Captions of a picture that go on side by side.
static int width_of(const struct generate_options *options) {
    return options->num_beams > 1 ? beam_search_width(options) : generate_captions_each(options);
}

static struct decoder_size size_of(const struct model_config *config, int batch,
                                   const struct generate_options *options) {
    return (struct decoder_size){batch, batch * width_of(options), length_of(config, options)};
}

static int check_captions(const struct generate_options *o) {
    const int each = generate_captions_each(o);
    if (each > 1 && o->num_beams <= 1 && !o->sample)
        return error(EXIT_USAGE, "--num-captions %d: the likeliest caption is one; add --sample, or --num-beams %d",
                     each, each);
    if (each <= width_of(o)) return 0;
    return error(EXIT_USAGE,
                 "--num-captions %d: these beams find %d captions of a picture; raise --num-beams, or give their "
                 "groups a --diversity-penalty",
                 each, width_of(o));
}

// 2·num_beams tokens must be there to choose from: beam_search.c takes that many continuations, in the first step all
// from one beam.
int generate_options_check(const struct model_config *config, const struct generate_options *o) {
    int length = length_of(config, o), groups = o->num_beam_groups > 1 ? o->num_beam_groups : 1, begun;
    score_prompt(&(struct score_rules){&config->text, o, config->family}, &begun);
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
    return check_captions(o);
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
    if (options->num_beams > 1) {
        generator->beams = beam_search_new(&generator->rules, batch, size.T);
    } else {
        generator->sampling = sampling_new(&generator->rules, batch, size.T, text->ops->threads);
    }
    if (!cached_decoder_in_host(&generator->decoder))
        generator->room = xcalloc((size_t)size.slots * V, dtype_size(text->ops->dtype));
    generator->likeliest = xcalloc((size_t)size.slots * LIKELIEST, sizeof *generator->likeliest);
    return generator;
}

void generator_free(struct generator **generator) {
    if (!*generator) return;
    cached_decoder_release(&(*generator)->decoder);
    sampling_free(&(*generator)->sampling);
    beam_search_free(&(*generator)->beams);
    free((*generator)->room);
    free((*generator)->likeliest);
    free(*generator);
    *generator = NULL;
}

// ---- the model, as a search sees it: what a step made is fetched once, by the first row that asks

static void step(void *context, int count, const struct caption_row *row, int place) {
    struct generator *generator = context;
    cached_decoder_step(&generator->decoder, count, row, place);
    generator->count = count;
    generator->has_logits = generator->has_likeliest = false;
}

static const float *logits_of(void *context, int i, float *room) {
    struct generator *generator = context;
    enum dtype dtype = generator->decoder.ops->dtype;
    size_t V = (size_t)generator->config.vocab_size;
    if (!generator->has_logits) {
        generator->has_logits = true;
        generator->logits = cached_decoder_logits(&generator->decoder, generator->count, generator->room);
        generator->finite &= dtype_finite(dtype, generator->logits, (size_t)generator->count * V);
    }
    const char *row = generator->logits + (size_t)i * V * dtype_size(dtype);
    if (dtype == DT_F32) return (const float *)row;
    dtype_convert(room, DT_F32, row, dtype, V);
    return room;
}

static const int32_t *likeliest_of(void *context, int i) {
    struct generator *generator = context;
    if (!generator->has_likeliest)
        cached_decoder_likeliest(&generator->decoder, generator->count, generator->likeliest);
    generator->has_likeliest = true;
    return generator->likeliest + (ptrdiff_t)i * LIKELIEST;
}

static void copy(void *context, int to, int from, int first, int count) {
    struct generator *generator = context;
    cached_decoder_copy(&generator->decoder, to, from, first, count);
}

static void fork_slot(void *context, int to, int from, int count) {
    struct generator *generator = context;
    cached_decoder_fork(&generator->decoder, to, from, count);
}

bool generator_run(struct generator *generator, int B, const void *features, const int64_t *numbers, int32_t *tokens) {
    const struct caption_model model = {generator, step, logits_of, copy, likeliest_of, fork_slot};
    generator->finite = true;
    cached_decoder_begin(&generator->decoder, B, features);
    if (generator->beams) {
        beam_search_run(generator->beams, B, &model, tokens, generator->config.context_length);
    } else {
        sampling_run(generator->sampling, B, numbers, &model, tokens, generator->config.context_length);
    }
    return generator->finite && cached_decoder_finite(&generator->decoder);
}
