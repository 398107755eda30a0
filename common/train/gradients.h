// The gradient of a step, as a sum over microbatches that does not depend on how they are dealt to ranks.
//
// It is a binary tree: the gradient of [first, first + n) is that of the first ⌊n/2⌋ microbatches plus that of the
// others, down to single ones, computed depth first with ⌈log2 n⌉ blocks beside the gradient's own. R = 2^k ranks whose
// R divides M have whole subtrees, and the owner of a tensor adds these up by the same tree over ranks: so the sum has
// the same bits for all such R. A chain adds microbatch after microbatch, then rank after rank, in one block.
#pragma once

#include "train/exchange.h"
#include "wire/hub.h"

// What a wait for other ranks serves in between: the sockets.
struct ranks_meanwhile meanwhile_of(struct hub *hub);

struct gradients;
// Of `own` microbatches a step on each rank; `devices` as exchange_new.
struct gradients *gradients_new(struct params *params, struct ranks *ranks, bool devices, enum gradient_sum sum,
                                int own);
void gradients_free(struct gradients **gradients);
// Beside the gradient block itself.
struct memory_bytes gradients_bytes(const struct params *layout, struct ops *ops, enum gradient_sum sum, int own,
                                    int ranks);

void gradients_begin(struct gradients *gradients); // of a step: all are zero
// Around the backward pass of own microbatch `slot` over the tensors whose names begin with `prefix`: before it their
// gradients are cleared where a new leaf begins; behind it they are added up as far as the tree goes, and after the
// last one they are on their way to their owners. 0 or -exit_code.
void gradients_open(struct gradients *gradients, const char *prefix, int slot);
int gradients_close(struct gradients *gradients);
// Behind all passes: own tensors' gradients become the sums over all M microbatches, those of locked ones zero. 0,
// -EXIT_PEER, or what `meanwhile` returned.
int gradients_sum(struct gradients *gradients, struct ranks_meanwhile meanwhile);
// Then, the same on every rank: Σ g² over the whole part, tensor by tensor in the table's order, and the first tensor
// whose gradient is not finite, or "".
double gradients_squares(const struct gradients *gradients);
const char *gradients_bad(const struct gradients *gradients);
// After the update: every rank has all values.
int gradients_spread(struct gradients *gradients, struct ranks_meanwhile meanwhile);
