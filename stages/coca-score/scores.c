// What metrics.c prints, whoever's captions they are: one place knows which metrics there are and what they are called.
#include "scores.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "measure/bleu.h"
#include "measure/cider.h"
#include "measure/meteor.h"
#include "measure/rouge_l.h"

int caption_scores_make(struct caption_scores *corpus, struct caption_scores *each, const struct caption_set *set,
                        const struct captioned *picture, size_t pictures, struct meteor_data *data) {
    double(*bleu)[NGRAM_ORDERS] = xcalloc(pictures, sizeof *bleu);
    double *meteor = xcalloc(pictures, sizeof *meteor), *rouge_l = xcalloc(pictures, sizeof *rouge_l);
    double *cider = xcalloc(pictures, sizeof *cider), spice = 0;
    bleu_scores(set, picture, pictures, corpus->bleu, bleu);
    corpus->meteor = meteor_scores(set, picture, pictures, data, meteor);
    corpus->meteor_is_whole = data != NULL;
    corpus->rouge_l = rouge_l_scores(set, picture, pictures, rouge_l);
    corpus->cider = cider_scores(set, picture, pictures, cider);
    for (size_t i = 0; i < pictures; i++) {
        memcpy(each[i].bleu, bleu[i], sizeof bleu[i]);
        each[i].meteor = meteor[i];
        each[i].meteor_is_whole = data != NULL;
        each[i].rouge_l = rouge_l[i];
        each[i].cider = cider[i];
        spice += each[i].spice;
    }
    corpus->spice = spice / (double)pictures;
    free(bleu);
    free(meteor);
    free(rouge_l);
    free(cider);
    return data ? meteor_data_check(data) : 0;
}

void caption_scores_add(json_t *object, const struct caption_scores *scores) {
    for (int k = 0; k < NGRAM_ORDERS; k++) {
        char *name = xformat("Bleu_%d", k + 1);
        json_object_set_new(object, name, json_double(scores->bleu[k]));
        free(name);
    }
    json_object_set_new(object, "METEOR", json_double(scores->meteor_is_whole ? scores->meteor : NAN));
    if (!scores->meteor_is_whole) json_object_set_new(object, "METEOR-exact-stem", json_double(scores->meteor));
    json_object_set_new(object, "ROUGE_L", json_double(scores->rouge_l));
    json_object_set_new(object, "CIDEr", json_double(scores->cider));
    json_object_set_new(object, "SPICE", json_double(scores->spice));
}
