// What all commands of coca-score have in common: without training the sink conducts. It asks for microbatches (0, m)
// ahead of need and takes them in order, until a worker says that the data end; so the encoders in between need no
// number of samples. Drops, which producers report beside their rows, are gathered on the way.
#include "pull.h"

#include <inttypes.h>
#include <jansson.h>

#include "base/memory.h"
#include "run/run_options.h"
#include "stage/progress.h"
#include "stage/stage.h"
#include "train/protocol.h"

enum { DROPS_SAID = 20 };

static struct {
    int64_t total;
    int64_t *id; // of the message that is being taken
    size_t count;
} drops;

int64_t pull_dropped(void) {
    return drops.total;
}

bool pull_is_dropped(int64_t id) {
    for (size_t i = 0; i < drops.count; i++)
        if (drops.id[i] == id) return true;
    return false;
}

static void say_drop(const json_t *drop) {
    const char *name = json_string_value(json_object_get(drop, "name"));
    const char *reason = json_string_value(json_object_get(drop, "reason"));
    const json_int_t record = json_integer_value(json_object_get(drop, "record"));
    if (drops.total > DROPS_SAID) return;
    if (drops.total == DROPS_SAID)
        warn("more samples could not be had; the others are counted at the end");
    else if (name)
        warn("%s: %s", name, reason ? reason : "could not be had");
    else
        warn("record %" JSON_INTEGER_FORMAT ": %s", record, reason ? reason : "could not be had");
}

static void note_drops(const struct message *message) {
    const char *line;
    drops.count = 0;
    for (int i = 0; (line = message_string(message, TENSOR_DROPS, i)); i++) {
        json_t *drop = json_loads(line, 0, NULL);
        drops.id = xrealloc_array(drops.id, drops.count + 1, sizeof *drops.id);
        drops.id[drops.count++] = json_integer_value(json_object_get(drop, "id"));
        drops.total++;
        say_drop(drop);
        json_decref(drop);
    }
}

int pull_open(struct hub *hub, struct edge **edge, const char *name, const char *address,
              const struct peer_group *peers, int peer_count) {
    const struct edge_options options = {.name = name,
                                         .address = address,
                                         .manner = EDGE_PULL,
                                         .direction = EDGE_IN,
                                         .window = (int)run_options.window,
                                         .peers = peers,
                                         .peer_count = peer_count};
    if (!address) return error(EXIT_USAGE, "--%s ADDRESS says where they come from", name);
    int status = hub_edge(hub, edge, &options);
    if (!status) stage_ready();
    return status;
}

// A request says the first sample and how many, so a worker needs to know nothing else. The last may lie beyond the
// data, which is how the end is found.
static void ask_ahead(struct edge *edge, struct stream *stream) {
    const int64_t B = run_options.microbatch;
    for (; stream->wanted <= stream->next + run_options.window; stream->wanted++)
        edge_want(edge, stream->from, (struct unit){0, stream->wanted, stream->wanted * B, (int32_t)B});
}

// A recording may begin at any step; a socket is asked.
static int take_next(struct edge *edge, struct stream *stream, struct message **message) {
    if (edge_is_recording(edge)) return edge_take(edge, wanted_next_data(stream->from), message);
    ask_ahead(edge, stream);
    return edge_take(edge, wanted_data(stream->from, 0, stream->next++), message);
}

static int take_one(struct edge *edge, struct stream *stream) {
    struct message *message;
    int status = take_next(edge, stream, &message);
    if (status == HUB_END) stream->ended = true;
    if (status) return status == HUB_END ? 0 : status;
    note_drops(message);
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

// In turn, one message of each stream: so neither of two encoders waits until the other has done all.
int pull_all(struct edge *edge, struct stream *streams, int count, const char *what, int64_t total) {
    struct progress *progress = progress_new(what, total, "samples");
    int status = 0;
    while (!status && any_left(streams, count)) {
        for (int i = 0; i < count && !status; i++)
            if (!streams[i].ended) status = take_one(edge, &streams[i]);
        progress_set(progress, streams[0].samples, NULL);
    }
    progress_done(&progress);
    return status;
}
