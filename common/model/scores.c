#include "model/scores.h"

#include <math.h>
#include <string.h>

// Keskar et al. 2019 ("CTRL"), as transformers has it: scores of tokens that occurred move away from being chosen. In
// f32, since a tie decided otherwise is another caption.
static void penalise_repetition(float *score, const float *logits, const int32_t *token, int length, float penalty) {
    for (int t = 0; t < length; t++) {
        float logit = logits[token[t]];
        score[token[t]] = logit < 0 ? logit * penalty : logit / penalty;
    }
}

void scores_of(const struct score_rules *rules, float *score, const float *logits, const int32_t *token, int length) {
    const struct text_config *config = rules->config;
    const struct generate_options *options = rules->options;
    memcpy(score, logits, (size_t)config->vocab_size * sizeof *logits);
    if (options->repetition_penalty != 1)
        penalise_repetition(score, logits, token, length, (float)options->repetition_penalty);
    if (rules->family == FAMILY_PAPER) score[config->pad_id] = score[config->bos_id] = -INFINITY;
    if (length < options->min_length) score[config->eos_id] = -INFINITY;
}

const int32_t *score_prompt(const struct score_rules *rules, int *length) {
    *length = rules->options->prompt ? rules->options->prompt_length : 1;
    return rules->options->prompt ? rules->options->prompt : &rules->config->bos_id;
}
