// Captions one token at a time, each the likeliest or drawn, as open_clip's generate makes them without beams.
#pragma once

#include "model/generate/caption_model.h"
#include "model/generate/sampler.h"

struct sampling;
// T: tokens of a caption at most; `threads` choose. The model has a slot for each caption.
struct sampling *sampling_new(const struct score_rules *rules, int batch, int T, int threads);
void sampling_free(struct sampling **sampling);

// N captions of each of B pictures, tokens i32 [B·N,stride]: the prompt, words, EOS, PAD. numbers [B] are the
// pictures', for draws.
void sampling_run(struct sampling *sampling, int B, const int64_t *numbers, const struct caption_model *model,
                  int32_t *tokens, int stride);
