// The messages of a training step (design section 4): what they hold, and their names on the wire.
//
// pack functions make a message for edge_send; unpack functions read a peer's and return 0 or -EXIT_RUN, reported.
#pragma once

#include "base/memory.h"
#include "run/checkpoint_memory.h"
#include "run/samples.h"
#include "wire/message.h"

// What a message of the protocol is: the word of a MESSAGE_TOLD.
#define WORD_STEP "step"
#define WORD_REPORT "report"
#define WORD_NORM "norm"
#define WORD_SCALE "scale"
#define WORD_DONE "done"
#define WORD_STOP "stop"

// loss → followers: a step begins.
struct step_order {
    int64_t step, first, batch; // s, n0, G
    int microbatches;           // M
    int64_t steps;              // N, 0 when the clock decides
    double lr;
    bool evaluate; // no gradients: neither norm nor scale follow
    bool dump;     // gradients and outputs are written aside
};
struct message *step_pack(const struct step_order *order);
int step_unpack(const struct message *message, struct step_order *order);

// follower → loss, for each of its microbatches and each loss of its row in the table.
struct loss_report {
    const char *name; // of the loss; unpacked, it is the message's
    double sum;       // for a caption Σ −log p over the targets
    int64_t count;    // what the mean is over: valid targets
};
struct message *report_pack(const struct loss_report *report, struct unit unit);
int report_unpack(const struct message *message, struct loss_report *report);

// follower → loss, after its last backward pass of the step.
struct norm_report {
    double squares;        // Σ g² over its gradients, after the sum over replicas
    char bad[TENSOR_NAME]; // the first tensor whose gradient is not finite, or ""
};
// `drops`: JSON lines of samples that were replaced, as the step's data messages brought them.
struct message *norm_pack(const struct norm_report *report, int64_t step, const struct strings *drops);
int norm_unpack(const struct message *message, struct norm_report *report);

// loss → followers: what becomes of the step's gradients, and what then.
struct scale_order {
    double clip, norm; // factor of the gradients; their global norm
    bool skip;         // not finite: no update
    bool last;
    enum checkpoint_place checkpoint; // after the update
};
struct message *scale_pack(const struct scale_order *order, int64_t step);
int scale_unpack(const struct message *message, struct scale_order *order);

// follower → loss, when the step was the last, or asked for a checkpoint or a dump.
struct message *done_pack(const struct written *written, int64_t step);
int done_unpack(const struct message *message, struct written *written);

// follower → loss: a signal asks for a clean end.
struct message *stop_pack(int signal);
int stop_unpack(const struct message *message, int *signal);
