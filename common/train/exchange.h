// What the ranks of one stage exchange in a step: gradients on their way to the owners of their tensors, where they are
// added up in the order of the ranks, and the owners' new values on their way to all (ZeRO-1; Rajbhandari et al. 2020).
// Each rank sends and receives 2·(R − 1)/R of the part, as in a ring of all-reduce, whatever carries it.
#pragma once

#include "model/params/params.h"
#include "ranks/ranks.h"
#include "train/memory.h"

enum gradient_sum { GRADIENT_SUM_TREE, GRADIENT_SUM_CHAIN };

struct exchange;
// Of the params' division (params_layout_deal). A single rank has nothing to exchange: all calls do nothing then.
// `devices`: what moves the bytes reaches the backend's memory (ranks_use_devices).
struct exchange *exchange_new(struct params *params, struct ranks *ranks, bool devices, enum gradient_sum sum);
void exchange_free(struct exchange **exchange);
struct memory_bytes exchange_bytes(const struct params *layout, struct ops *ops, int ranks);

// The gradients of these tensors are final on this rank, in this step: they leave for their owners, and the others'
// versions of own tensors may come. All ranks say it of the same tensors in the same order. 0 or -exit_code.
int exchange_gradients(struct exchange *exchange, int first, int count);
// Waits for the versions of all tensors that were said; own gradients are then the sums over the ranks. 0, -EXIT_PEER,
// or what `meanwhile` returned.
int exchange_sum(struct exchange *exchange, struct ranks_meanwhile meanwhile);
// After the update: own tensors' values to all ranks, in the compute type, or in f32 where that is read. 0 or as above.
int exchange_values(struct exchange *exchange, struct ranks_meanwhile meanwhile);
