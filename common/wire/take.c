// Taking messages: from a worker's answers, from the inbox of a stateful edge, or from a recording, whose messages pass
// through the same inbox; and the requests of a worker. Called by stages; waiting is wait.c's.
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "wire/link.h"
#include "wire/manner.h"
#include "wire/wait.h"

void edge_want(struct edge *edge, struct address from, struct unit unit) {
    if (edge->manner->name != EDGE_PULL) bug("edge %s is not pulled", edge->name);
    if (!edge->recording) pull_want(edge, from, unit);
}

// --- Sockets

static bool all_ended(const struct edge *edge, struct address from) {
    bool any = false;
    for (int i = 0; i < edge->peer_count; i++) {
        if (edge->peer[i]->guest || !address_fits(from, peer_address(edge->peer[i]))) continue;
        if (edge->peer[i]->state != PEER_ENDED) return false;
        any = true;
    }
    return any;
}

static int find(const struct awaited *awaited) {
    return inbox_find(&awaited->edge->inbox, &awaited->wanted);
}

static bool is_takeable(const struct awaited *awaited) {
    const struct request *request = awaited->request;
    if (request) return request->state == REQUEST_ANSWERED || request->state == REQUEST_BEYOND;
    return find(awaited) >= 0 || all_ended(awaited->edge, awaited->wanted.from);
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

// A unit's data come once, whichever worker or rank they are of; what is told, once from each rank.
static int file_message(struct edge *edge, int64_t step, struct message **message) {
    const struct unit unit = (*message)->unit;
    bool is_over = unit.step >= 0 && unit.step < step;
    if (is_over) return 0;
    const struct address from = {(*message)->from, (*message)->kind == MESSAGE_DATA ? ANY_RANK : (*message)->rank};
    const struct wanted same = {(*message)->kind, (*message)->word, from, unit.step, unit.microbatch};
    if (inbox_find(&edge->inbox, &same) >= 0)
        return error(EXIT_DATA, "%s: %s (%lld, %d) stands twice", recording_path(edge->recording),
                     message_name(*message), (long long)unit.step, unit.microbatch);
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
    trace_message(edge, "<-", (struct address){message->from, message->rank}, message);
    status = file_message(edge, step, &message);
    message_free(&message);
    return status;
}

// The unit is not in the recording: the data end before it, or a part of them is missing.
static int absent(const struct awaited *awaited) {
    const struct edge *edge = awaited->edge;
    const struct wanted *wanted = &awaited->wanted;
    bool later = edge->read_step > wanted->step;
    bool cut = edge->read_step == wanted->step && wanted->microbatch < edge->read_microbatches;
    if (wanted->step < 0 || (!later && !cut)) return HUB_END;
    return error(EXIT_DATA, "%s: %s (%lld, %d) is missing", recording_path(edge->recording), wanted_name(wanted),
                 (long long)wanted->step, wanted->microbatch);
}

static int take_recorded(struct awaited *awaited, struct message **message) {
    struct edge *edge = awaited->edge;
    const int64_t step = awaited->wanted.step;
    int index;
    hub_pass(edge->hub, 0, NULL);
    int status = hub_status(edge->hub);
    while (status == 0 && (index = find(awaited)) < 0) {
        if (edge->read_out || (step >= 0 && edge->read_step > step)) return absent(awaited);
        status = read_on(edge, step);
    }
    if (status) return status;
    *message = inbox_take(&edge->inbox, index);
    frames_count(*message, 0, &edge->hub->counters.messages_in, &edge->hub->counters.bytes_in);
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

static struct awaited await(struct edge *edge, struct wanted wanted) {
    struct awaited awaited = {.met = is_takeable, .hub = edge->hub, .edge = edge, .wanted = wanted, .fd = -1};
    awaited.account = &edge->hub->counters.waiting;
    if (edge->manner->name != EDGE_PULL || edge->recording) return awaited;
    awaited.request = pull_find(edge, wanted.from, wanted.step, wanted.microbatch);
    if (!awaited.request)
        bug("edge %s: unit (%lld, %d) is taken and was not wanted", edge->name, (long long)wanted.step,
            wanted.microbatch);
    return awaited;
}

int edge_take(struct edge *edge, struct wanted wanted, struct message **message) {
    struct awaited awaited = await(edge, wanted);
    *message = NULL;
    int status = edge->recording ? take_recorded(&awaited, message) : take_arrived(&awaited, message);
    if (status == 0) status = record(edge, *message);
    if (status) message_free(message);
    return status;
}

bool edge_ready(struct edge *edge, struct wanted wanted) {
    struct hub *hub = edge->hub;
    struct awaited awaited = await(edge, wanted);
    hub_pass(hub, 0, NULL);
    if (hub->failure || hub->interrupt) return true;
    if (edge->manner->name == EDGE_SERVE && !edge->recording) return serve_is_asked(edge);
    if (edge->recording) return find(&awaited) >= 0 || edge->read_out || recording_readable(edge->recording);
    return is_takeable(&awaited);
}

static bool asked_or_ended(const struct awaited *awaited) {
    return serve_is_asked(awaited->edge);
}

int edge_next_ask(struct edge *edge, struct unit *unit) {
    struct hub *hub = edge->hub;
    if (edge->manner->name != EDGE_SERVE || edge->recording) bug("edge %s is not asked", edge->name);
    struct awaited awaited = {.met = asked_or_ended, .hub = hub, .edge = edge, .fd = -1, .patient = true};
    awaited.wanted = wanted_ask();
    awaited.account = &hub->counters.blocked;
    int status = hub_wait(&awaited);
    if (status) return status;
    return serve_next(edge, unit) ? 0 : HUB_END;
}
