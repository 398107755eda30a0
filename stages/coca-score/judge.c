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

static int score(struct judge *judge, struct caption_scores *corpus) {
    const struct caption_set *set = &judge->set;
    struct caption_scores *each = xcalloc(set->pictures, sizeof *each);
    for (size_t i = 0; i < set->pictures; i++) each[i].spice = NAN;
    int status = caption_scores_make(corpus, each, set, set->picture, set->pictures, meteor_file_data(&judge->meteor));
    free(each);
    return status;
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

int judge_say(struct judge *judge, const struct run *run, struct results_options *results,
              const struct option_table *decoding) {
    if (!judge->set.pictures) return error(EXIT_DATA, "%s: no picture has captions to judge by", results->data);
    struct caption_scores scores;
    int status = score(judge, &scores);
    if (status) return status;
    results->settings = options_to_json(decoding);
    json_object_set_new(results->settings, "seed", json_integer(run->options.seed));
    note("%zu pictures: BLEU-4 %.1f%%, METEOR%s %.1f%%, ROUGE-L %.1f%%, CIDEr %.3f; %" PRId64
         " without captions are not judged",
         judge->set.pictures, 100 * scores.bleu[3], scores.meteor_is_whole ? "" : "-exact-stem", 100 * scores.meteor,
         100 * scores.rouge_l, scores.cider, judge->without);
    return results_say(run, results, "captioning", known(&scores), NULL);
}

void judge_release(struct judge *judge) {
    caption_set_release(&judge->set);
    meteor_file_close(&judge->meteor);
    buffer_release(&judge->tokens);
}
