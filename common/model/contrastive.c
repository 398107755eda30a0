// The contrastive loss by whichever rule a run asks for. The loss stage calls it once a step with the embeddings of the
// global batch; the rules (contrastive_softmax.c, contrastive_sigmoid.c) say what becomes of a tile of cosines, and
// contrastive_tiles.c goes through the tiles.
#include "model/contrastive.h"

#include <stdlib.h>

#include "base/fail.h"
#include "base/memory.h"
#include "model/contrastive_rule.h"

struct contrastive {
    const struct contrastive_rule *rule;
    void *rule_state;
    struct tiles tiles;
};

static const struct contrastive_rule *const rules[] = {
    [CONTRASTIVE_SOFTMAX] = &contrastive_softmax, [CONTRASTIVE_SIGMOID] = &contrastive_sigmoid};

struct contrastive *contrastive_new(struct ops *ops, enum contrastive_kind kind, int64_t G, int64_t E) {
    if (ops->dtype != DT_REAL) bug("the contrastive loss computes in %s", dtype_name(DT_REAL));
    struct contrastive *contrastive = xcalloc(1, sizeof *contrastive);
    contrastive->rule = rules[kind];
    contrastive->rule_state = contrastive->rule->new (ops, G);
    tiles_open(&contrastive->tiles, ops, G, E);
    return contrastive;
}

void contrastive_free(struct contrastive **contrastive) {
    if (!*contrastive) return;
    (*contrastive)->rule->free((*contrastive)->rule_state, (*contrastive)->tiles.ops);
    tiles_close(&(*contrastive)->tiles);
    free(*contrastive);
    *contrastive = NULL;
}

int64_t contrastive_bytes(enum contrastive_kind kind, int64_t G, int64_t E) {
    return tiles_bytes(G, E) + rules[kind]->bytes(G);
}

struct contrastive_result contrastive_run(struct contrastive *contrastive, const float *image, const float *text,
                                          struct contrastive_scalars scalars, double lambda,
                                          enum contrastive_convention convention, float *d_image, float *d_text) {
    const struct contrastive_batch batch = {image, text, scalars, lambda, convention, d_image, d_text};
    return contrastive->rule->run(contrastive->rule_state, &contrastive->tiles, &batch);
}

const char *contrastive_name(enum contrastive_kind kind) {
    return rules[kind]->name;
}

double contrastive_chance(enum contrastive_kind kind, enum contrastive_convention convention, int64_t G) {
    return rules[kind]->chance(convention, (double)G);
}
