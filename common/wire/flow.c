// One direction of a connection that is passed on. What the receiver does not take is kept, a block at most, and
// nothing is read meanwhile: so who does not read costs a block here, and its sender notices.
#include "wire/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"

enum { BLOCKS = 16 }; // at a time, so that others have their turn

// The bytes that were taken, −1 when the receiver is gone.
static ssize_t deliver(struct flow *flow, const char *bytes, size_t size) {
    ssize_t sent = send(flow->to, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return -1;
    if (sent > 0) flow->moved += sent;
    return sent < 0 ? 0 : sent;
}

static bool deliver_rest(struct flow *flow) {
    if (!flow->rest) return true;
    ssize_t sent = deliver(flow, flow->rest + flow->at, flow->size - flow->at);
    if (sent < 0) return false;
    flow->at += (size_t)sent;
    if (flow->at == flow->size) flow_release(flow);
    return true;
}

static bool pass(struct flow *flow, const char *bytes, size_t size) {
    ssize_t sent = deliver(flow, bytes, size);
    if (sent < 0) return false;
    if ((size_t)sent == size) return true;
    flow->size = size - (size_t)sent;
    flow->rest = memcpy(xmalloc(flow->size), bytes + sent, flow->size);
    return true;
}

bool flow_move(struct flow *flow, char *block) {
    for (int i = 0; i < BLOCKS; i++) {
        if (!deliver_rest(flow)) return false;
        if (flow->rest) return true;
        ssize_t count = recv(flow->from, block, FLOW_BLOCK, MSG_DONTWAIT);
        if (count < 0) return errno == EAGAIN || errno == EINTR;
        if (count > 0 && zmtp_walk(&flow->zmtp, block, (size_t)count)) flow->told = true;
        if (count == 0 || !pass(flow, block, (size_t)count)) return false;
    }
    return true;
}

void flow_release(struct flow *flow) {
    free(flow->rest);
    flow->rest = NULL;
    flow->at = flow->size = 0;
}
