// A consumer asks for the stage's output, microbatch by microbatch, until it has enough.
#include "train/follower_step.h"

static int say_end(struct follower *follower, struct unit unit) {
    struct message *end = message_new(MESSAGE_END, unit);
    return edge_send(follower->served, NULL, &end);
}

static int serve(struct follower *follower, struct unit unit) {
    struct follower_step step = {
        .follower = follower, .order = {.step = unit.step, .first = unit.first, .batch = unit.samples}
    };
    int status = follower_unit(&step, unit.microbatch);
    return status == HUB_END ? say_end(follower, unit) : status;
}

int follower_served(struct follower *follower) {
    struct unit unit;
    int status;
    while (!(status = hub_next_ask(follower->hub, follower->served, &unit))) {
        edge_want(follower->phase->take[0], NULL, unit);
        if ((status = serve(follower, unit))) break;
    }
    return status;
}
