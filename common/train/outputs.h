// Data messages that a stage makes from one that it took.
#pragma once

#include "train/follower.h"
#include "train/slots.h"

// A message for the same samples: unit, M, ids and names; drops too, which in training travel with the norm.
struct message *output_new(const struct work *work, const struct message *input);

// Whether the message's samples fit the run: in training every microbatch is whole, elsewhere it may be short.
// 0 or -EXIT_USAGE.
int input_samples(const struct work *work, const struct message *input);
// A tensor of the message: 0, or -exit_code when samples, shape or dtype do not fit. NULL when there are no samples.
int input_tensor(const struct work *work, const struct message *input, const char *name, enum dtype dtype,
                 struct shape shape, const void **data);
// The same of a tensor that may lie in a slot.
int input_rows(const struct work *work, const struct message *input, const char *name, enum dtype dtype,
               struct shape shape, struct slot_reader *reader, const void **rows);

// -EXIT_DATA where an embedding is not finite, else 0. In training, which skips such steps, 0 too.
int output_check_embedding(const struct work *work, const struct message *output);
// -EXIT_DATA, reported: `what` of a sample of this message is not finite.
int output_not_finite(const struct message *output, const char *what);

// Reports one of the row's losses of the microbatch `unit`: to the conductor, or without one (no control edge) as a
// note. 0 or -exit_code.
int report_loss(const struct channel *control, const struct stage_loss *loss, double sum, int64_t count,
                struct unit unit);
