// Who is still there. A ROUTER learns of a loss when a message cannot be delivered, so peers are probed once a second;
// a DEALER has a monitor on its one connection; and libzmq's heartbeats make a host that fell silent a connection that
// is lost. What a loss means is the manner's; here it is found out, and connections that may begin anew do. Called in
// every pass of the poll loop, and where sending fails.
#include "base/fail.h"
#include "wire/contact.h"
#include "wire/manner.h"

#define REOPEN_SECONDS 0.3

// --- At a ROUTER

static void send_probes(struct edge *edge) {
    if (!edge->manner->binds) return;
    for (int i = 0; i < edge->peer_count; i++) {
        struct message *probe;
        if (edge->peer[i]->unreachable || edge->peer[i]->state == PEER_ENDED) continue;
        probe = frames_control(MESSAGE_PROBE);
        edge->peer[i]->unreachable = !frames_send(edge->peer[i], &probe);
    }
}

static bool is_in_doubt(const struct peer *peer) {
    return peer->unreachable && peer->state != PEER_ENDED;
}

// Peers that could not be reached are lost, unless what arrived before says that they left: libzmq keeps it until it is
// received. True when there were any.
static bool find_losses(struct edge *edge) {
    int doubts = 0;
    for (int i = 0; i < edge->peer_count; i++) doubts += is_in_doubt(edge->peer[i]);
    if (!doubts) return false;
    arrivals_take(edge);
    for (int i = edge->peer_count; i-- > 0;) // `lost` may remove it, and puts the last one in its place
        if (is_in_doubt(edge->peer[i])) edge->manner->lost(edge, edge->peer[i]);
    return true;
}

void liveness_unreachable(struct edge *edge, struct peer *peer) {
    peer->unreachable = true;
    find_losses(edge);
}

// --- At a DEALER

// The connection is gone: what came before is still to be received, and may be the peer's `end`, after which this is as
// it should be. A stateful peer that was there is lost for good. A consumer may come back, and who never welcomed may
// not have begun to listen: the link begins anew, at once after a connection that worked, else not before the next
// interval, since handshakes that fail (keys) would follow each other without a pause.
static void disconnected(struct link *link) {
    struct edge *edge = link->edge;
    arrivals_take(edge);
    struct peer *peer = peer_of_link(link);
    const bool greeted = peer;
    if (peer) peer->unreachable = true;
    if (peer && peer->state == PEER_ENDED) return;
    if (peer) edge->manner->lost(edge, peer);
    if (link->lost || (greeted && edge->manner->stateful)) return;
    link->lost = true;
    link->begin_at = greeted ? edge->hub->clock : link->opened + REOPEN_SECONDS;
}

// With a fresh socket, since messages for the lost peer may be queued in the old one, and with a fresh hello. The old
// socket connects again by itself; it may be welcomed before the time to begin anew has come, if its hello was not sent
// yet, and then stays (take_welcome).
static void begin_anew(struct link *link) {
    struct hub *hub = link->edge->hub;
    if (!link->lost || hub->clock < link->begin_at) return;
    socket_close(link, 0);
    int status = hello_begin(link);
    if (status) hub_fail(hub, status);
}

static void key_refused(const struct link *link) {
    if (complaint_due(link->edge->hub))
        warn("edge %s: no agreement with %s on keys: both ends need --keys of one folder, and the client's public key "
             "in the server's clients/",
             link->edge->name, link->address);
}

static void take_events(struct link *link) {
    if (!link->monitor) return;
    for (int event; (event = socket_event(link));) {
        if (event == ZMQ_EVENT_DISCONNECTED)
            disconnected(link);
        else if (link->endpoint.kind == ENDPOINT_TCP)
            key_refused(link);
    }
    begin_anew(link);
}

// ---

void liveness_attend(struct edge *edge, bool probe) {
    void (*attend)(struct edge *) = edge->manner->attend;
    for (int i = 0; i < edge->link_count; i++) take_events(edge->link[i]);
    if (probe) send_probes(edge);
    if (attend) attend(edge);
    if (find_losses(edge) && attend) attend(edge); // what the lost were asked, others are asked at once
}
