// What is said of messages: a line each for COCA_TRACE, and how often nonsense is complained of. Called wherever
// messages come and go.
#include <stdio.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "wire/hub_private.h"

const char *identity_text(const struct identity *identity, char text[2 * IDENTITY_LIMIT + 1]) {
    text[0] = 0;
    for (size_t i = 0; i < identity->size; i++) sprintf(text + 2 * i, "%02x", identity->bytes[i]);
    return text;
}

bool complaint_due(struct hub *hub) {
    double now = clock_seconds();
    if (hub->complained > 0 && now - hub->complained < 1) {
        hub->unsaid++;
        return false;
    }
    hub->complained = now;
    return true;
}

// A rank stands behind its role from 1 on: "text-decode.1".
static void add_address(struct buffer *line, struct address address) {
    buffer_text(line, address.role);
    if (address.rank > 0) buffer_format(line, ".%d", address.rank);
}

void trace_message(const struct edge *edge, const char *direction, struct address peer, const struct message *message) {
    const struct hub_config *own = &edge->hub->config;
    struct buffer line = {0};
    char shape[SHAPE_TEXT];
    int64_t bytes = 0;
    if (!edge->hub->trace) return;
    for (int i = 0; i < message->tensor_count; i++) bytes += tensor_bytes(&message->tensor[i]);
    add_address(&line, (struct address){own->role, own->rank});
    buffer_format(&line, " %s %s %s (%lld, %d) ", direction, edge->name, message_name(message),
                  (long long)message->unit.step, message->unit.microbatch);
    add_address(&line, peer);
    buffer_format(&line, " %lld bytes", (long long)bytes);
    for (int i = 0; i < message->tensor_count; i++)
        buffer_format(&line, " %s %s %s", message->tensor[i].name, dtype_name(message->tensor[i].dtype),
                      shape_format(message->tensor[i].shape, shape));
    line.size = text_clean_here(line.bytes, line.size);
    buffer_text(&line, "\n");
    fputs(line.bytes, stderr);
    buffer_release(&line);
}
