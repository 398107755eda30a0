#include "model/generate.h"

#include <stdlib.h>

#include "base/memory.h"
#include "model/cached_decoder.h"
#include "model/sampler.h"

struct generator {
    struct text_config config;
    struct cached_decoder decoder;
    struct sampler sampler;
    int32_t *caption, *token; // [batch], the captions that go on and their newest tokens
    char *logits;             // [batch,V] of the compute type
    float *row;               // [V]
};

int64_t generator_bytes(const struct model_config *config, enum dtype dtype, int batch) {
    return cached_decoder_bytes(config, dtype, batch);
}

struct generator *generator_new(const struct model_config *config, struct params *text, int batch) {
    struct generator *generator = xcalloc(1, sizeof *generator);
    size_t V = (size_t)config->text.vocab_size;
    generator->config = config->text;
    cached_decoder_init(&generator->decoder, config, text, batch);
    sampler_init(&generator->sampler, &generator->config);
    generator->caption = xcalloc((size_t)batch, sizeof *generator->caption);
    generator->token = xcalloc((size_t)batch, sizeof *generator->token);
    generator->logits = xcalloc((size_t)batch * V, dtype_size(text->ops->dtype));
    generator->row = xcalloc(V, sizeof *generator->row);
    return generator;
}

void generator_free(struct generator **generator) {
    if (!*generator) return;
    cached_decoder_release(&(*generator)->decoder);
    sampler_release(&(*generator)->sampler);
    free((*generator)->caption);
    free((*generator)->token);
    free((*generator)->logits);
    free((*generator)->row);
    free(*generator);
    *generator = NULL;
}

// BOS PAD … for every caption.
static void begin_captions(struct generator *generator, int32_t *tokens, int B) {
    int T = generator->config.context_length;
    for (int i = 0; i < B * T; i++) tokens[i] = i % T ? generator->config.pad_id : generator->config.bos_id;
    for (int b = 0; b < B; b++) generator->caption[b] = b;
}

// Makes the tokens at place + 1 and drops finished captions from the list; returns how many go on.
static int extend_captions(struct generator *generator, int32_t *tokens, const int64_t *ids, int count, int place) {
    int T = generator->config.context_length, V = generator->config.vocab_size, left = 0;
    enum dtype dtype = generator->decoder.ops->dtype;
    for (int i = 0; i < count; i++) generator->token[i] = tokens[generator->caption[i] * T + place];
    cached_decoder_step(&generator->decoder, count, generator->caption, generator->token, place, generator->logits);
    for (int i = 0; i < count; i++) {
        int b = generator->caption[i];
        dtype_convert(generator->row, DT_F32, generator->logits + (size_t)i * V * dtype_size(dtype), dtype, (size_t)V);
        int32_t next = sampler_choose(&generator->sampler, generator->row, tokens + b * T, place + 1, ids[b]);
        tokens[b * T + place + 1] = next;
        if (next != generator->config.eos_id) generator->caption[left++] = b;
    }
    return left;
}

void generator_run(struct generator *generator, int B, const void *features, const int64_t *ids,
                   const struct generate_options *options, int32_t *tokens) {
    int T = generator->config.context_length;
    int length = options->max_length > 0 && options->max_length < T ? options->max_length : T;
    generator->sampler.options = options;
    begin_captions(generator, tokens, B);
    cached_decoder_begin(&generator->decoder, B, features);
    for (int place = 0, left = B; place + 1 < length && left; place++)
        left = extend_captions(generator, tokens, ids, left, place);
}
