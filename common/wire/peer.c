// The list of those who are at the other ends of an edge: finding, adding, removing, and comparing it with those who
// are awaited. It only keeps the list: hello.c decides who comes onto it, the manners and liveness.c who leaves.
#include "wire/manner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct peer *peer_at(const struct link *link, const struct identity *identity) {
    const struct edge *edge = link->edge;
    for (int i = 0; i < edge->peer_count; i++) {
        const struct identity *known = &edge->peer[i]->identity;
        if (edge->peer[i]->link == link && known->size == identity->size &&
            memcmp(known->bytes, identity->bytes, known->size) == 0)
            return edge->peer[i];
    }
    return NULL;
}

struct peer *peer_of_link(const struct link *link) {
    const struct edge *edge = link->edge;
    for (int i = 0; i < edge->peer_count; i++)
        if (edge->peer[i]->link == link) return edge->peer[i];
    return NULL;
}

struct peer *peer_of(const struct edge *edge, struct address address) {
    for (int i = 0; i < edge->peer_count; i++)
        if (edge->peer[i]->state != PEER_IGNORED && address_fits(address, peer_address(edge->peer[i])))
            return edge->peer[i];
    return NULL;
}

bool peer_is_alone(const struct edge *edge, struct address address) {
    int count = 0;
    for (int i = 0; i < edge->peer_count; i++) count += address_fits(address, peer_address(edge->peer[i]));
    return count <= 1;
}

struct peer *peer_add(struct link *link, const struct identity *identity, const struct message *message) {
    struct edge *edge = link->edge;
    if (edge->peer_count == edge->peer_capacity) {
        edge->peer_capacity = edge->peer_capacity ? 2 * edge->peer_capacity : 8;
        edge->peer = xrealloc_array(edge->peer, (size_t)edge->peer_capacity, sizeof *edge->peer);
    }
    struct peer *peer = edge->peer[edge->peer_count++] = xcalloc(1, sizeof *peer);
    peer->link = link;
    peer->identity = *identity;
    memcpy(peer->role, message->from, sizeof peer->role);
    peer->rank = message->rank;
    peer->state = PEER_HERE;
    peer->local = link->endpoint.kind == ENDPOINT_IPC;
    return peer;
}

void peer_remove(struct edge *edge, struct peer *peer) {
    int i = 0;
    while (edge->peer[i] != peer) i++;
    edge->peer[i] = edge->peer[--edge->peer_count];
    edge->lonely_since = edge->hub->clock;
    free(peer);
}

// --- Those awaited

static const struct group *find_group(const struct edge *edge, const char *role) {
    for (int i = 0; i < edge->group_count; i++)
        if (strcmp(edge->group[i].role, role) == 0) return &edge->group[i];
    return NULL;
}

bool peer_is_unexpected(const struct edge *edge, struct address sender, char why[WIRE_TEXT]) {
    const struct hub_config *own = &edge->hub->config;
    const struct group *group = find_group(edge, sender.role);
    const bool stateful = edge->manner->stateful; // workers are as many as come, of any rank
    const bool alone = stateful || edge->manner->name == EDGE_SERVE;
    char who[ADDRESS_TEXT], here[WIRE_TEXT];
    address_text(sender, who);
    snprintf(here, sizeof here, "edge %.40s of %s %d", edge->name, own->role, own->rank);
    why[0] = 0;
    if (edge->group_count && !group)
        snprintf(why, WIRE_TEXT, "%.100s does not expect the role %s", here, sender.role);
    else if (stateful && group && sender.rank >= group->ranks)
        snprintf(why, WIRE_TEXT, "%.100s expects ranks below %d of %s, not %s", here, group->ranks, sender.role, who);
    else if (alone && peer_of(edge, sender))
        snprintf(why, WIRE_TEXT, "%s is at %.100s already", who, here);
    return why[0];
}

// Where a missing peer would come from: an address at which nobody answered.
static const char *quiet_address(const struct edge *edge) {
    for (int i = 0; i < edge->link_count; i++)
        if (!edge->link[i]->left && !peer_of_link(edge->link[i])) return edge->link[i]->address;
    return edge->address;
}

static bool rank_is_missing(const struct edge *edge, const struct group *group, struct address from,
                            struct missing *missing) {
    for (int rank = 0; rank < group->ranks; rank++) {
        struct address awaited = {group->role, rank};
        if (!address_fits(from, awaited) || peer_of(edge, awaited)) continue;
        if (group->ranks == 1) awaited.rank = ANY_RANK; // of one, its role says enough
        address_text(awaited, missing->who);
        missing->where = quiet_address(edge);
        return true;
    }
    return false;
}

bool peer_is_missing(const struct edge *edge, struct address from, struct missing *missing) {
    for (int i = 0; i < edge->group_count; i++)
        if (rank_is_missing(edge, &edge->group[i], from, missing)) return true;
    for (int i = 0; i < edge->link_count && !edge->group_count; i++) {
        if (edge->link[i]->left || peer_of_link(edge->link[i])) continue;
        *missing = (struct missing){"the other end", edge->link[i]->address};
        return true;
    }
    return false;
}
