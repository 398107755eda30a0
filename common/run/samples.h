// What data messages hold of each sample: the tensors' names, and what every stage passes on from one edge to the next.
#pragma once

#include "wire/message.h"

// Tensors of data messages; shapes in design section 3.
#define TENSOR_PIXELS "pixels"
#define TENSOR_TOKENS "tokens"
#define TENSOR_FEATURES "features"
#define TENSOR_D_FEATURES "d_features"
#define TENSOR_EMBEDDING "embedding"
#define TENSOR_D_EMBEDDING "d_embedding"
#define TENSOR_LENGTHS "lengths" // of tokens, those that a head reads: of a question, without its answer
#define TENSOR_STATES "states"
#define TENSOR_D_STATES "d_states"
#define TENSOR_START "start" // of each group of states its first row,
#define TENSOR_COUNT "count" // and how many
#define TENSOR_LABELS "labels"
#define TENSOR_SHARES "shares"
#define TENSOR_SCORES "scores"
#define TENSOR_IDS "ids"
#define TENSOR_NAMES "names"
#define TENSOR_TEXT "text"
#define TENSOR_TEXT_EMBEDDING "text_embedding" // of captions: f32 [B·N,E], N captions of each picture
#define TENSOR_DROPS "drops"

// Copies `ids`, when the message has them.
void ids_pass(struct message *to, const struct message *from);
// 0, or -EXIT_RUN naming the unit when both messages have `ids` and they differ.
int ids_compare(const struct message *a, const struct message *b);
// Copies a tensor of the message, when it is there.
void tensor_pass(struct message *to, const struct message *from, const char *name);
