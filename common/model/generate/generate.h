// Captions from features, one token at a time with a key/value cache; keys and values of the cross-attention are made
// once per picture, logits of the last position only. Captions of a picture share a row for as long as they are equal.
#pragma once

#include "model/generate/scores.h"
#include "model/params/params.h"

struct generator;
// `options` are kept. Captions of up to `batch` pictures at once.
struct generator *generator_new(const struct model_config *config, struct params *text, int batch,
                                const struct generate_options *options);
void generator_free(struct generator **generator);
int64_t generator_bytes(const struct model_config *config, enum dtype dtype, int batch,
                        const struct generate_options *options);

// 0, or -EXIT_USAGE where lengths, beams, groups or captions do not fit together or the model.
int generate_options_check(const struct model_config *config, const struct generate_options *options);

// features of the compute type [B,N,D] (host) → tokens i32 [B·captions,T], picture by picture: BOS … EOS PAD…; a
// caption that reaches max_length may end without EOS (scores.h). Equal logits give the lowest token. numbers [B] are
// the pictures', on which their draws depend. False where logits were not finite: then the tokens mean nothing.
bool generator_run(struct generator *generator, int B, const void *features, const int64_t *numbers, int32_t *tokens);
