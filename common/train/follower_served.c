// A consumer asks for the stage's output, microbatch by microbatch, until it has enough.
#include <string.h>

#include "train/follower_step.h"

static int say_end(struct follower *follower, struct unit unit) {
    struct message *end = message_new(MESSAGE_END, unit);
    return edge_send(follower->served, ANYBODY, &end);
}

// `behind` is the unit that was asked for next, or NULL.
static int serve(struct follower *follower, struct unit unit, const struct unit *behind) {
    struct follower_step step = {.follower = follower,
                                 .order = {.step = unit.step, .first = unit.first, .batch = unit.samples},
                                 .behind = behind};
    int status = follower_unit(&step, unit.microbatch);
    return status == HUB_END ? say_end(follower, unit) : status;
}

// What was asked and not answered yet. Its input is asked for at once, so that it is made while earlier units compute.
struct queue {
    struct unit unit[64];
    int count;
};

static bool has_room(const struct queue *queue) {
    return queue->count < (int)(sizeof queue->unit / sizeof *queue->unit);
}

// Waits for a unit when the queue is empty, and takes along what else was asked. 0, HUB_END or another wait's value.
static int fill(struct follower *follower, struct queue *queue) {
    while (has_room(queue) && (!queue->count || edge_ready(follower->served, wanted_ask()))) {
        struct unit *unit = &queue->unit[queue->count];
        int status = edge_next_ask(follower->served, unit);
        if (status) return status;
        edge_want(follower->phase->take[0], ANYBODY, *unit);
        queue->count++;
    }
    return 0;
}

int follower_served(struct follower *follower) {
    struct queue queue = {.count = 0};
    int status;
    while (!(status = fill(follower, &queue))) {
        if ((status = serve(follower, queue.unit[0], queue.count > 1 ? &queue.unit[1] : NULL))) break;
        memmove(queue.unit, queue.unit + 1, (size_t)--queue.count * sizeof *queue.unit);
    }
    return status;
}
