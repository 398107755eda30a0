// Taking messages: from a worker's answers, from the inbox of a stateful edge, or from a recording.
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "wire/hub_private.h"

void edge_want(struct edge *edge, const char *role, struct unit unit) {
    if (edge->manner != EDGE_PULL) bug("edge %s is not pulled", edge->name);
    if (!edge->recording) pull_want(edge, role, unit);
}

// --- Sockets

static bool all_ended(const struct edge *edge, const char *role) {
    bool any = false;
    for (int i = 0; i < edge->peer_count; i++) {
        if (role && strcmp(edge->peer[i]->role, role) != 0) continue;
        if (edge->peer[i]->state != PEER_ENDED) return false;
        any = true;
    }
    return any;
}

static int find(const struct awaited *awaited) {
    return inbox_find(&awaited->edge->inbox, awaited->kind, awaited->role, awaited->step, awaited->microbatch);
}

static bool is_takeable(const struct awaited *awaited) {
    const struct request *request = awaited->request;
    if (request) return request->state == REQUEST_ANSWERED || request->state == REQUEST_BEYOND;
    return find(awaited) >= 0 || all_ended(awaited->edge, awaited->role);
}

static int take_arrived(struct awaited *awaited, struct message **message) {
    int status = hub_wait(awaited);
    if (status) return status;
    if (awaited->request) return pull_collect(awaited->edge, awaited->request, message);
    int index = find(awaited);
    if (index < 0) return HUB_END;
    *message = inbox_take(&awaited->edge->inbox, index);
    return 0;
}

// --- Recordings

static int file_message(struct edge *edge, int64_t step, struct message **message) {
    const struct unit unit = (*message)->unit;
    bool is_over = unit.step >= 0 && unit.step < step;
    if (is_over) return 0;
    if (inbox_find(&edge->inbox, (*message)->kind, (*message)->from, unit.step, unit.microbatch) >= 0)
        return error(EXIT_DATA, "%s: %s (%lld, %d) stands twice", recording_path(edge->recording),
                     message_kind_name((*message)->kind), (long long)unit.step, unit.microbatch);
    edge->read_step = unit.step;
    edge->read_microbatches = (*message)->microbatches;
    inbox_put(&edge->inbox, message);
    return 0;
}

// The next message of the recording goes to the inbox, unless it is of a step that is over.
static int read_on(struct edge *edge, int64_t step) {
    struct message *message;
    int status = recording_read(edge->recording, &message);
    if (status) return status;
    if (!message) {
        edge->read_out = true;
        return 0;
    }
    trace_message(edge, "<-", message->from, message);
    status = file_message(edge, step, &message);
    message_free(&message);
    return status;
}

// The unit is not in the recording: the data end before it, or a part of them is missing.
static int absent(const struct awaited *awaited) {
    const struct edge *edge = awaited->edge;
    bool later = edge->read_step > awaited->step;
    bool cut = edge->read_step == awaited->step && awaited->microbatch < edge->read_microbatches;
    if (awaited->step < 0 || (!later && !cut)) return HUB_END;
    return error(EXIT_DATA, "%s: %s (%lld, %d) is missing", recording_path(edge->recording),
                 message_kind_name(awaited->kind), (long long)awaited->step, awaited->microbatch);
}

static int take_recorded(struct awaited *awaited, struct message **message) {
    struct edge *edge = awaited->edge;
    int index;
    hub_pass(edge->hub, 0, NULL);
    int status = hub_status(edge->hub);
    while (status == 0 && (index = find(awaited)) < 0) {
        if (edge->read_out || (awaited->step >= 0 && edge->read_step > awaited->step)) return absent(awaited);
        status = read_on(edge, awaited->step);
    }
    if (status) return status;
    *message = inbox_take(&edge->inbox, index);
    count_message(*message, 0, &edge->hub->counters.messages_in, &edge->hub->counters.bytes_in);
    return 0;
}

// --- Both

// What --record asks for. A reader that left its pipe ends the recording, not the stage.
static int record(struct edge *edge, const struct message *message) {
    if (!edge->copy) return 0;
    int status = recording_write(edge->copy, message);
    if (status != RECORDING_BROKEN) return status;
    warn("the reader of %s left; edge %s is not recorded any more", recording_path(edge->copy), edge->name);
    recording_abandon(&edge->copy);
    return 0;
}

static struct awaited await(struct hub *hub, struct edge *edge, enum message_kind kind, const char *role, int64_t step,
                            int32_t microbatch) {
    struct awaited awaited = {.met = is_takeable, .hub = hub, .edge = edge, .kind = kind, .role = role, .step = step};
    awaited.microbatch = microbatch;
    awaited.fd = -1;
    awaited.account = &hub->counters.waiting;
    if (edge->manner != EDGE_PULL || edge->recording) return awaited;
    awaited.request = pull_find(edge, role, step, microbatch);
    if (!awaited.request)
        bug("edge %s: unit (%lld, %d) is taken and was not wanted", edge->name, (long long)step, microbatch);
    return awaited;
}

int hub_take(struct hub *hub, struct edge *edge, enum message_kind kind, const char *role, int64_t step,
             int32_t microbatch, struct message **message) {
    struct awaited awaited = await(hub, edge, kind, role, step, microbatch);
    *message = NULL;
    int status = edge->recording ? take_recorded(&awaited, message) : take_arrived(&awaited, message);
    if (status == 0) status = record(edge, *message);
    if (status) message_free(message);
    return status;
}

bool hub_ready(struct hub *hub, struct edge *edge, enum message_kind kind, const char *role, int64_t step,
               int32_t microbatch) {
    struct awaited awaited = await(hub, edge, kind, role, step, microbatch);
    hub_pass(hub, 0, NULL);
    if (hub->failure || hub->interrupt) return true;
    if (edge->manner == EDGE_SERVE && !edge->recording) return serve_is_asked(edge);
    if (edge->recording) return find(&awaited) >= 0 || edge->read_out || recording_readable(edge->recording);
    return is_takeable(&awaited);
}
