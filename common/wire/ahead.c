// A queue of units between who knows which ones are wanted (`next`) and the edge that brings them. The follower's
// pulled edge, a served stage's queue of requests, the sinks of evaluation, the server's lanes and coca-tap all use it;
// when to answer whom is theirs.
#include "wire/ahead.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void ahead_release(struct ahead *ahead) {
    message_free(&ahead->held_message);
    free(ahead->asked);
    ahead->asked = NULL;
    ahead->count = ahead->capacity = 0;
    ahead->held = false;
}

static bool takes_as_recorded(const struct ahead *ahead) {
    return ahead->as_recorded && edge_is_recording(ahead->edge);
}

static void ask(struct ahead *ahead, struct unit unit) {
    if (ahead->count == ahead->capacity) {
        ahead->capacity = ahead->capacity ? 2 * ahead->capacity : 16;
        ahead->asked = xrealloc_array(ahead->asked, (size_t)ahead->capacity, sizeof unit);
    }
    ahead->asked[ahead->count++] = unit;
    edge_want(ahead->edge, ahead->from, unit);
}

int ahead_fill(struct ahead *ahead) {
    int status = 0;
    if (takes_as_recorded(ahead)) return 0;
    while (!status && ahead->count <= ahead->window) {
        struct unit unit;
        status = ahead->next(ahead->context, ahead->count == 0, &unit);
        if (!status) ask(ahead, unit);
    }
    return status == AHEAD_NOT_YET ? 0 : status;
}

static struct wanted first_wanted(const struct ahead *ahead) {
    if (takes_as_recorded(ahead)) return wanted_next_data(ahead->from);
    return wanted_data(ahead->from, ahead->asked[0].step, ahead->asked[0].microbatch);
}

static void drop_first(struct ahead *ahead) {
    if (takes_as_recorded(ahead)) return;
    memmove(ahead->asked, ahead->asked + 1, (size_t)--ahead->count * sizeof *ahead->asked);
}

int ahead_take(struct ahead *ahead, struct message **message) {
    *message = NULL;
    int status = ahead_fill(ahead);
    if (status) return status;
    if (ahead->held) {
        status = ahead->held_status;
        *message = ahead->held_message;
        ahead->held_message = NULL;
        ahead->held = false;
    } else {
        status = edge_take(ahead->edge, first_wanted(ahead), message);
    }
    // A wait that was interrupted is no answer: the unit is still asked for.
    if (status <= HUB_END) drop_first(ahead);
    return status;
}

bool ahead_ready(const struct ahead *ahead) {
    if (ahead->held) return true;
    if (!takes_as_recorded(ahead) && !ahead->count) return false;
    return edge_ready(ahead->edge, first_wanted(ahead));
}

const struct message *ahead_peek(struct ahead *ahead) {
    if (!ahead->held && ahead_ready(ahead)) {
        ahead->held_status = edge_take(ahead->edge, first_wanted(ahead), &ahead->held_message);
        ahead->held = true;
    }
    return ahead->held_message;
}

static bool is_ready(const struct ahead *ahead, struct unit unit) {
    return edge_ready(ahead->edge, wanted_data(ahead->from, unit.step, unit.microbatch));
}

void ahead_promote(struct ahead *ahead) {
    int i = 0;
    if (ahead->held || takes_as_recorded(ahead)) return;
    while (i < ahead->count && !is_ready(ahead, ahead->asked[i])) i++;
    if (!i || i == ahead->count) return;
    const struct unit unit = ahead->asked[i];
    memmove(ahead->asked + 1, ahead->asked, (size_t)i * sizeof unit);
    ahead->asked[0] = unit;
}

const struct unit *ahead_first(const struct ahead *ahead) {
    return ahead->count ? &ahead->asked[0] : NULL;
}
