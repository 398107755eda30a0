// The multimodal half for a head: forward in one call, which hands out what stands behind ln_final, and backward in
// another, with the head's gradient. Between the two other microbatches may pass, so each set has multimodal
// activations of its own. coca-text-decode drives it where a task is learned.
#include "model/towers/text_tower_private.h"

int64_t text_states_most(const struct model_config *config, int batch) {
    return (int64_t)batch * (config->text.context_length - 1);
}

static void run_forward(struct text_tower *tower, struct text_set *set) {
    struct ops *ops = tower->params->ops;
    bool issued;
    graph_table_begin(&set->multimodal, ops, text_key(&set->rows, TEXT_PASS_STATES), &issued);
    if (issued) return;
    multimodal_apply(ops, &tower->multimodal, set->decoder, set->state.transformer.out, &set->rows);
    graph_table_end(&set->multimodal, ops);
}

// Fillers' rows stand behind the captions'.
struct text_states text_tower_state_groups(const struct text_tower *tower, int index) {
    const struct text_rows *rows = &tower->set[index].rows;
    return (struct text_states){.rows = rows->captioned,
                                .B = rows->B,
                                .start = rows->host + rows->offset[ROW_TARGET_START],
                                .count = rows->host + rows->offset[ROW_TARGET_COUNT]};
}

struct text_states text_tower_states(struct text_tower *tower, int index, const void *features, void *states) {
    struct ops *ops = tower->params->ops;
    struct text_set *set = &tower->set[index];
    ops->upload(ops, set->decoder->features, features, text_feature_bytes(tower, set));
    run_forward(tower, set);
    if (states) ops->download(ops, states, set->decoder->ln_final.out, text_row_bytes(tower, set->rows.captioned));
    return text_tower_state_groups(tower, index);
}

// Which gradients of the outputs there are.
struct summands {
    bool caption, head;
};

// The caption loss's gradient comes first, since it writes what the head's adds to. The head's was brought to
// set->d_states, which is free until the backward pass leaves the gradient of the token states there.
static void add_up(struct text_tower *tower, struct text_set *set, struct summands of) {
    struct ops *ops = tower->params->ops;
    void *d_norm = tower->multimodal_scratch.d_norm;
    int64_t rows = set->rows.targets;
    if (of.caption)
        text_run_head(tower, set, d_norm, NULL);
    else
        ops->zero(ops, d_norm, text_row_bytes(tower, rows));
    if (of.head) ops->add(ops, d_norm, d_norm, set->d_states, rows * tower->multimodal_dims.D);
}

static void run_backward(struct text_tower *tower, struct text_set *set, struct summands of) {
    struct ops *ops = tower->params->ops;
    bool issued;
    graph_table_begin(&set->multimodal_backward, ops, text_key(&set->rows, of.caption * 2 + of.head), &issued);
    if (issued) return;
    add_up(tower, set, of);
    multimodal_backward(ops, &tower->multimodal, set->decoder, &tower->multimodal_scratch, set->d_states, &set->rows);
    graph_table_end(&set->multimodal_backward, ops);
}

static void go_back(struct text_tower *tower, struct text_set *set, const void *d_states, bool caption,
                    void *d_features) {
    struct ops *ops = tower->params->ops;
    struct summands of = {.caption = caption, .head = d_states != NULL};
    if (d_states) text_take_rows(tower, set, d_states);
    run_backward(tower, set, of);
    set->has_d_states = true;
    if (d_features)
        ops->download(ops, d_features, tower->multimodal_scratch.d_features, text_feature_bytes(tower, set));
}

struct caption_result text_tower_states_backward(struct text_tower *tower, int index, const void *d_states,
                                                 double scale, void *d_features) {
    struct ops *ops = tower->params->ops;
    struct text_set *set = &tower->set[index];
    bool caption = scale > 0;
    if (caption) caption_head_begin(ops, &tower->head, scale);
    if (tower->plan.train)
        go_back(tower, set, d_states, caption, d_features);
    else if (caption)
        text_run_head(tower, set, NULL, NULL);
    if (!caption) return (struct caption_result){0};
    return (struct caption_result){caption_head_total(ops, &tower->head), set->rows.counted};
}
