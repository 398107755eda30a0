#include "pull.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/memory.h"
#include "stage/progress.h"
#include "stage/stage.h"
#include "train/protocol.h"

enum { DROPS_SAID = 20 };

bool pull_is_dropped(const struct pull *pull, int64_t id) {
    for (size_t i = 0; i < pull->drops; i++)
        if (pull->drop[i] == id) return true;
    return false;
}

static void say_drop(const struct pull *pull, const json_t *drop) {
    const char *name = json_string_value(json_object_get(drop, "name"));
    const char *reason = json_string_value(json_object_get(drop, "reason"));
    const json_int_t record = json_integer_value(json_object_get(drop, "record"));
    if (pull->dropped > DROPS_SAID) return;
    if (pull->dropped == DROPS_SAID)
        warn("more samples could not be had; the others are counted at the end");
    else if (name)
        warn("%s: %s", name, reason ? reason : "could not be had");
    else
        warn("record %" JSON_INTEGER_FORMAT ": %s", record, reason ? reason : "could not be had");
}

static void note_drops(struct pull *pull, const struct message *message) {
    const char *line;
    pull->drops = 0;
    for (int i = 0; (line = message_string(message, TENSOR_DROPS, i)); i++) {
        json_t *drop = json_loads(line, 0, NULL);
        pull->drop = xrealloc_array(pull->drop, pull->drops + 1, sizeof *pull->drop);
        pull->drop[pull->drops++] = json_integer_value(json_object_get(drop, "id"));
        pull->dropped++;
        say_drop(pull, drop);
        json_decref(drop);
    }
}

int pull_open(struct pull *pull, const struct run *run, struct hub *hub, const char *name, const char *address,
              const char *const *roles) {
    const struct edge_options options = {.name = name,
                                         .address = address,
                                         .manner = EDGE_PULL,
                                         .direction = EDGE_IN,
                                         .window = (int)run->options.window,
                                         .peers = roles};
    *pull = (struct pull){.run = run, .hub = hub};
    if (!address) return error(EXIT_USAGE, "--%s ADDRESS says where they come from", name);
    int status = hub_edge(hub, &pull->edge, &options);
    if (!status) stage_ready();
    return status;
}

void pull_close(struct pull *pull) {
    free(pull->drop);
}

static void ask_ahead(const struct pull *pull, struct stream *stream) {
    const struct run_options *o = &pull->run->options;
    const int64_t B = o->microbatch;
    for (; stream->wanted <= stream->next + o->window; stream->wanted++)
        edge_want(pull->edge, stream->role, (struct unit){0, stream->wanted, stream->wanted * B, (int32_t)B});
}

// A recording may begin at any step; a socket is asked.
static int take_next(const struct pull *pull, struct stream *stream, struct message **message) {
    struct hub *hub = pull->hub;
    struct edge *edge = pull->edge;
    if (edge_is_recording(edge)) return hub_take(hub, edge, MESSAGE_DATA, stream->role, -1, -1, message);
    ask_ahead(pull, stream);
    return hub_take(hub, edge, MESSAGE_DATA, stream->role, 0, stream->next++, message);
}

static int take_one(struct pull *pull, struct stream *stream) {
    struct message *message;
    int status = take_next(pull, stream, &message);
    if (status == HUB_END) stream->ended = true;
    if (status) return status == HUB_END ? 0 : status;
    note_drops(pull, message);
    status = stream->take(stream->context, message);
    stream->samples += message->unit.samples;
    message_free(&message);
    return status;
}

static bool any_left(const struct stream *streams, int count) {
    for (int i = 0; i < count; i++)
        if (!streams[i].ended) return true;
    return false;
}

int pull_all(struct pull *pull, struct stream *streams, int count, const char *what, int64_t total) {
    struct progress *progress = progress_new(what, total, "samples");
    int status = 0;
    while (!status && any_left(streams, count)) {
        for (int i = 0; i < count && !status; i++)
            if (!streams[i].ended) status = take_one(pull, &streams[i]);
        progress_set(progress, streams[0].samples, NULL);
    }
    progress_done(&progress);
    return status;
}
