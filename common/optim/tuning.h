// What a fine-tune leaves as it is, and how fast the rest learns.
//
// Groups of a tower, from the bottom: the embeddings (image: conv1, class_embedding, positional_embedding, ln_pre;
// text: token_embedding, positional_embedding, cls_emb), each block, where the last has ln_post or ln_final with it,
// and the projection to the embedding. A part's layout says of which group and layer each tensor is. A lock leaves the
// last `unlocked` of them to be trained, as open_clip's
// --lock-image-unlocked-groups and --lock-text-unlocked-layers count; poolers belong to no group and are locked with
// the image tower. The text tower is the unimodal half: the decoder is never locked.
//
// Layer decay d: a tensor of layer l learns at lr·d^(top − l) (Clark et al. 2020, ELECTRA; Bao et al. 2021, BEiT): the
// embeddings are layer 0, block i is layer i + 1, and all above the blocks is at the top; the decoder's layers follow
// those of the unimodal half.
#pragma once

#include "model/params/params.h"

// Of one part.
struct tuning {
    bool lock;
    int unlocked;            // groups
    double layer_decay;      // 1: none
    bool frozen;             // all stays as it is, decoder included
    double rate;             // of the learning rate, times
    const char *const *idle; // NULL, or beginnings of the names of tensors that the run computes nothing with, which
                             // weight decay must not wear away; ended by NULL
};

// Sets `locked` and `rate` of every parameter.
void tuning_apply(struct params *params, const struct tuning *tuning);

bool tuning_locks_all(const struct params *params); // there is nothing to train
// Gradients of what is locked become zero, before anybody adds them up.
void tuning_clear_locked(const struct params *params);
