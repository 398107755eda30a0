// What all commands of coca-score have in common: without training the sink conducts. It asks for microbatches (0, m)
// ahead of need and takes them in order, until a worker says that the data end; so the encoders in between need no
// number of samples. Drops, which producers report beside their rows, are gathered on the way.
#include "train/pull.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/memory.h"
#include "stage/progress.h"
#include "stage/stage.h"
#include "train/protocol.h"
#include "train/stages.h"

enum { DROPS_SAID = 20 };

bool pull_is_dropped(const struct pull *pull, int64_t id) {
    for (size_t i = 0; i < pull->drops; i++)
        if (pull->drop[i] == id) return true;
    return false;
}

// Some are named, all are counted: a folder of the wrong files would else fill the log.
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

static int64_t ranks_of(const struct run *run, const char *role) {
    return role ? run_replicas(run, stage_find(role)->threads) : 1;
}

// Requests with one process of the role: what is asked of it, it asks of others, which all are to have something to do.
static int64_t window_of(const struct run *run, const char *role) {
    const int64_t image = ranks_of(run, ROLE_IMAGE), text = ranks_of(run, ROLE_TEXT), ranks = ranks_of(run, role);
    const int64_t most = image > text ? image : text;
    return run->options.window * ((most + ranks - 1) / ranks);
}

int pull_open(struct pull *pull, const struct run *run, struct hub *hub, const char *name, const char *address,
              const char *const *roles) {
    struct peer_group peers[PULL_ROLES];
    int count = 0;
    for (; roles && roles[count]; count++) peers[count] = (struct peer_group){roles[count], 1};
    const struct edge_options options = {.name = name,
                                         .address = address,
                                         .manner = EDGE_PULL,
                                         .direction = EDGE_IN,
                                         .window = (int)window_of(run, roles ? roles[0] : NULL),
                                         .peers = peers,
                                         .peer_count = count};
    *pull = (struct pull){.run = run};
    if (!address) return error(EXIT_USAGE, "--%s ADDRESS says where they come from", name);
    int status = hub_edge(hub, &pull->edge, &options);
    if (!status) stage_ready();
    return status;
}

void pull_close(struct pull *pull) {
    free(pull->drop);
}

// Microbatches (0, m) without end: the workers say where the data end.
static int next_unit(void *context, bool wait, struct unit *unit) {
    struct stream *stream = context;
    (void)wait;
    *unit = (struct unit){0, stream->wanted, stream->wanted * stream->B, stream->B};
    stream->wanted++;
    return 0;
}

static int take_one(struct pull *pull, struct stream *stream) {
    struct message *message;
    int status = ahead_take(&stream->ahead, &message);
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

// A recording may begin at any step; a socket is asked.
static void begin(const struct pull *pull, struct stream *stream) {
    const struct run_options *o = &pull->run->options;
    stream->B = (int32_t)o->microbatch;
    stream->ahead = (struct ahead){.edge = pull->edge,
                                   .from = {stream->role, ANY_RANK},
                                   .window = window_of(pull->run, stream->role) * ranks_of(pull->run, stream->role),
                                   .as_recorded = true,
                                   .next = next_unit,
                                   .context = stream};
}

static void show(struct progress *progress, const struct stream *stream) {
    struct buffer detail = {0};
    if (stream->tell) stream->tell(stream->context, &detail);
    progress_set(progress, stream->samples, detail.bytes);
    buffer_release(&detail);
}

// In turn, one message of each stream: so neither of two encoders waits until the other has done all.
int pull_all(struct pull *pull, struct stream *streams, int count, const char *what, int64_t total) {
    struct progress *progress = progress_new(what, total, "samples");
    int status = 0;
    for (int i = 0; i < count; i++) begin(pull, &streams[i]);
    while (!status && any_left(streams, count)) {
        for (int i = 0; i < count && !status; i++)
            if (!streams[i].ended) status = take_one(pull, &streams[i]);
        show(progress, &streams[0]);
    }
    progress_done(&progress);
    for (int i = 0; i < count; i++) ahead_release(&streams[i].ahead);
    return status;
}
