// The rules that stand between a model's logits and a choice, shared by sampling and beam search: the repetition
// penalty and which special tokens may come. They are transformers' logits processors in open_clip's order; one that
// only forbids does not care what comes before it. Everything is f32, as there.
#include "model/generate/scores.h"

#include <math.h>
#include <string.h>

// Keskar et al. 2019 ("CTRL"), as transformers has it: scores of tokens that occurred move away from being chosen, with
// a penalty above 1 towards −∞ where they are negative and towards 0 where they are positive. It reads the logits and
// writes the scores, so a token that occurred twice is penalised once. In f32, since a tie decided otherwise is another
// caption.
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
    const int32_t special[] = {config->pad_id, config->bos_id, config->eos_id};
    for (int i = 0; i < 3; i++)
        if (!score_allows(rules, special[i], length)) score[special[i]] = -INFINITY;
}

// In open_clip's family padding is a word, which a caption may hold and a sampled one ends with; EOS alone has its
// rule.
bool score_allows(const struct score_rules *rules, int32_t token, int length) {
    const struct text_config *config = rules->config;
    if (rules->family == FAMILY_PAPER && (token == config->pad_id || token == config->bos_id)) return false;
    return token != config->eos_id || length >= rules->options->min_length;
}

const int32_t *score_prompt(const struct score_rules *rules, int *length) {
    *length = rules->options->prompt ? rules->options->prompt_length : 1;
    return rules->options->prompt ? rules->options->prompt : &rules->config->bos_id;
}
