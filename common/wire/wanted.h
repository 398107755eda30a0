// Who is at the other end of an edge, and which message is taken from it.
#pragma once

#include "wire/message.h"

// A process: one rank of the replicas of a stage.
enum { ANY_RANK = -1 };
struct address {
    const char *role; // borrowed; NULL: anybody
    int rank;
};
#define ANYBODY ((struct address){NULL, ANY_RANK})

bool address_fits(struct address wanted, struct address found);
#define ADDRESS_TEXT (WIRE_NAME + 12)
// "text-decode 1"; without a rank "text-decode", of anybody "anybody". Returns text.
const char *address_text(struct address address, char text[ADDRESS_TEXT]);

// Which message is wanted; the makers below say what there is.
struct wanted {
    enum message_kind kind; // MESSAGE_KINDS: any
    const char *word;       // of MESSAGE_TOLD; borrowed
    struct address from;
    int64_t step;       // −1: any
    int32_t microbatch; // −1: any
};

static inline struct wanted wanted_data(struct address from, int64_t step, int32_t microbatch) {
    return (struct wanted){MESSAGE_DATA, NULL, from, step, microbatch};
}
static inline struct wanted wanted_word(const char *word, struct address from, int64_t step, int32_t microbatch) {
    return (struct wanted){MESSAGE_TOLD, word, from, step, microbatch};
}
// The next data that came, of any unit.
static inline struct wanted wanted_next_data(struct address from) {
    return (struct wanted){MESSAGE_DATA, NULL, from, -1, -1};
}
static inline struct wanted wanted_anything(void) {
    return (struct wanted){MESSAGE_KINDS, NULL, ANYBODY, -1, -1};
}
// For edge_ready: whether edge_next_ask returns at once.
static inline struct wanted wanted_ask(void) {
    return (struct wanted){MESSAGE_ASK, NULL, ANYBODY, -1, -1};
}

bool wanted_fits(const struct wanted *wanted, const struct message *message);
const char *wanted_name(const struct wanted *wanted); // "data", "step", "a message"
