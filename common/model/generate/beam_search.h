// Beam search and group beam search as open_clip's generate does them with transformers' BeamSearchScorer (4.49): sums
// of logits (no softmax), divided by the length; a search is done when no beam that goes on can still, at its present
// length, become better than the worst of the captions that ended. It knows nothing of the model that makes the logits.
#pragma once

#include "model/generate/caption_model.h"
#include "model/generate/scores.h"

// How many captions of one picture go on side by side, and so its slots.
int beam_search_width(const struct generate_options *options);

struct beam_search;
// T: tokens of a caption at most. `rules` is kept.
struct beam_search *beam_search_new(const struct score_rules *rules, int batch, int T);
void beam_search_free(struct beam_search **search);

// The N best captions of each of B pictures, the best first: tokens i32 [B·N,stride], the prompt, words, EOS where it
// fits, PAD. Slots are numbered from 0, the width's many for each picture; the model begins with all of them empty.
void beam_search_run(struct beam_search *search, int B, const struct caption_model *model, int32_t *tokens, int stride);
