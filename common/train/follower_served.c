// A consumer asks for the stage's output, microbatch by microbatch, until it has enough. The input of what it asked is
// asked for at once, so that it is made while earlier units compute.
#include "train/follower_pass.h"

enum { QUEUE = 64 }; // units taken from the consumer's requests and not answered

// The `next` of the pulled edge: what the consumer asks.
static int next_asked(void *context, bool wait, struct unit *unit) {
    struct follower *follower = context;
    if (!wait && !edge_ready(follower->served, wanted_ask())) return AHEAD_NOT_YET;
    return edge_next_ask(follower->served, unit);
}

static int say_end(const struct follower *follower, struct unit unit) {
    struct message *end = message_new(MESSAGE_END, unit);
    return edge_send(follower->served, ANYBODY, &end);
}

static int serve(struct follower *follower, struct unit unit, struct message **input) {
    struct pass pass = {
        .follower = follower, .order = {.step = unit.step, .first = unit.first, .batch = unit.samples}, .first = input};
    return pass_unit(&pass, unit.microbatch);
}

int follower_served(struct follower *follower) {
    int status;
    follower->pulled.window = QUEUE - 1;
    follower->pulled.next = next_asked;
    follower->pulled.context = follower;
    while (!(status = ahead_fill(&follower->pulled))) {
        struct message *input;
        const struct unit unit = *ahead_first(&follower->pulled);
        status = ahead_take(&follower->pulled, &input);
        status = status == HUB_END ? say_end(follower, unit) : status ? status : serve(follower, unit, &input);
        message_free(&input);
        if (status) break;
    }
    return status;
}
