// What the files of the text tower share.
#pragma once

#include "model/towers/graph_table.h"
#include "model/towers/text_multimodal.h"
#include "model/towers/text_unimodal.h"
#include "model/towers/towers.h"

// The unimodal activations of one microbatch. Where no head reads its outputs, the multimodal half runs forward and
// backward in one call, so its activations are the tower's, and all that outlives the call is the gradient of the token
// states. With plan.states they wait here for the head's gradient.
struct text_set {
    struct text_rows rows;
    struct unimodal_state state;
    struct multimodal_state *decoder; // the tower's one, or with plan.states this set's
    void *d_states;                   // [targets,D]
    bool has_d_states;                // since the last forward pass
    struct graph_table unimodal, multimodal, multimodal_backward, backward;
};

struct text_tower {
    struct model_config config;
    struct tower_plan plan;
    struct unimodal_dims unimodal_dims;
    struct multimodal_dims multimodal_dims;
    struct text_set *set;             // [sets]
    struct multimodal_state *decoder; // [sets] with plan.states, else one
    struct caption_scratch head;
    struct multimodal_scratch multimodal_scratch;
    struct unimodal_scratch unimodal_scratch;

    struct params *params;
    struct unimodal unimodal;
    struct multimodal multimodal;
    void *memory;
};

// What a pass of the multimodal half depends on beside its rows.
enum { TEXT_PASS_LOSS, TEXT_PASS_TRAINING, TEXT_PASS_STATES };

// Operations take row counts and bounds as arguments and everything else from lists in the set's memory. So these
// numbers and `with`, which branches run, decide whether recorded operations may run again.
struct graph_key text_key(const struct text_rows *rows, int with);

size_t text_feature_bytes(const struct text_tower *tower, const struct text_set *set);
size_t text_row_bytes(const struct text_tower *tower, int64_t rows); // of so many target rows

// Rows of captions on the host → set->d_states, zeros for fillers.
void text_take_rows(struct text_tower *tower, struct text_set *set, const void *host);

// The caption loss of what stands behind ln_final, as caption_head_run has it.
void text_run_head(struct text_tower *tower, struct text_set *set, void *d_norm, void *logits);
