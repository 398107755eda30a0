// What captions.c hears is judged when all of it came: how rare words are is told by all pictures together. Scores
// depend on how captions were searched for as much as on the model, so the result says it.
#include "judge.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cut.h"
#include "scores.h"

void judge_add(struct judge *judge, const struct truth *truth, const char *caption) {
    const struct record *record = &truth->record;
    if (!record->caption_count) {
        judge->without++;
        return;
    }
    caption_cut(&judge->tokens, CAPTION_PTB, caption, strlen(caption));
    caption_set_picture(&judge->set, judge->tokens.bytes, judge->tokens.size);
    for (int i = 0; i < record->caption_count; i++) {
        caption_cut(&judge->tokens, CAPTION_PTB, record->captions[i].bytes, record->captions[i].size);
        caption_set_reference(&judge->set, judge->tokens.bytes, judge->tokens.size);
    }
}

static struct caption_scores score(const struct caption_set *set) {
    struct caption_scores corpus, *each = xcalloc(set->pictures, sizeof *each);
    for (size_t i = 0; i < set->pictures; i++) each[i].spice = NAN;
    caption_scores_make(&corpus, each, set, set->picture, set->pictures);
    free(each);
    return corpus;
}

// Readers of results take every metric for a number.
static json_t *known(const struct caption_scores *scores) {
    json_t *metrics = json_object(), *value;
    const char *name;
    void *next;
    caption_scores_add(metrics, scores);
    json_object_foreach_safe(metrics, next, name, value) {
        if (json_is_null(value)) json_object_del(metrics, name);
    }
    return metrics;
}

int judge_say(const struct judge *judge, const struct run *run, struct results_options *results,
              const struct option_table *decoding) {
    if (!judge->set.pictures) return error(EXIT_DATA, "%s: no picture has captions to judge by", results->data);
    const struct caption_scores scores = score(&judge->set);
    results->settings = options_to_json(decoding);
    json_object_set_new(results->settings, "seed", json_integer(run->options.seed));
    note("%zu pictures: BLEU-4 %.1f%%, ROUGE-L %.1f%%, CIDEr %.3f; %" PRId64 " without captions are not judged",
         judge->set.pictures, 100 * scores.bleu[3], 100 * scores.rouge_l, scores.cider, judge->without);
    return results_say(run, results, "captioning", known(&scores), NULL);
}

void judge_release(struct judge *judge) {
    caption_set_release(&judge->set);
    buffer_release(&judge->tokens);
}
