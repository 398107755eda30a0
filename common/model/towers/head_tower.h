// A task's head (CoCa, section 3.3): an attentional pooler with learned queries over a model's states, the mean of its
// results over the queries, LayerNorm, and a linear classifier. Where a task has several vectors of a sample
// (tasks[].joined), they stand side by side before the classifier.
//
//   head.attn_pool.*   pooler: queries of the states' width K
//   head.ln_post       [K]
//   head.fc            [C, J·K], J vectors of a sample
//
// States are ragged rows; sample b of B has groups b·J … b·J + J − 1 of them. One microbatch at a time: what a forward
// pass leaves is for the backward pass right behind it.
#pragma once

#include "model/params/params.h"
#include "model/towers/head_loss.h"

struct head_plan {
    int batch;     // B at most
    int64_t rows;  // of states of a microbatch at most
    int longest;   // rows of one group at most
    bool train;    // gradients of the head's parameters
    bool gradient; // and of the states
};

// Groups have no row in common. Rows of no group are finite: what comes back from them is zero times what they hold.
struct head_states {
    int64_t rows;
    const void *row;              // [rows,K] of the compute type
    const int32_t *start, *count; // [B·J]
};

struct head_tower;
int64_t head_tower_bytes(const struct model_config *config, const struct ops *ops, struct head_plan plan);
struct head_tower *head_tower_new(const struct model_config *config, struct params *params, struct head_plan plan);
void head_tower_free(struct head_tower **tower);

// → scores f32 [B,C], the logits. Everything is host memory.
void head_tower_forward(struct head_tower *tower, int B, const struct head_states *states, float *scores);
// d_scores f32 [B,C] of the pass before. Parameters' gradients accumulate; d_states [rows,K] of the compute type, zero
// where no group has a row, NULL: not wanted.
void head_tower_backward(struct head_tower *tower, const float *d_scores, void *d_states);
