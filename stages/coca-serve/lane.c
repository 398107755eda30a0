// A task's way through the stages: lines of a list in, results of an edge out. A request becomes a line, as if somebody
// had put it into the list of a batch job, and the line's number is the sample's; the same workers and encoders as for
// files do the rest, and know nothing of clients. coca-serve.c has one lane a task.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "dataset/spool.h"
#include "run/samples.h"
#include "serve.h"

static int open_edge(struct lane *lane, struct hub *hub, const char *address) {
    const struct peer_group peers = {lane->role, 1};
    const struct edge_options options = {.name = lane->floats ? "embeddings" : "captions",
                                         .address = address,
                                         .manner = EDGE_PULL,
                                         .direction = EDGE_IN,
                                         .window = 4,
                                         .peers = &peers,
                                         .peer_count = 1};
    return hub_edge(hub, &lane->ahead.edge, &options);
}

// Batches that are whole; the server never waits for more.
static int next_batch(void *context, bool wait, struct unit *unit) {
    struct lane *lane = context;
    const int B = lane->writer.batch;
    (void)wait;
    if (lane->asked == lane->writer.lines / B) return AHEAD_NOT_YET;
    *unit = (struct unit){0, lane->asked, (int64_t)lane->asked * B, B};
    lane->asked++;
    return 0;
}

static char *picture_path(const struct lane *lane, int64_t line) {
    return xformat("%s.pictures/%" PRId64, lane->list, line);
}

int lane_open(struct lane *lane, struct hub *hub, const char *address, int batch, int capacity) {
    if (!address) return 0;
    char *folder = xformat("%s.pictures", lane->list);
    int status = lane->pictures ? directory_make(folder) : 0;
    free(folder);
    if (status) return status;
    status = spool_writer_open(&lane->writer, lane->list, batch);
    if (status) {
        spool_writer_abandon(&lane->writer);
        return status;
    }
    lane->capacity = capacity;
    lane->ahead =
        (struct ahead){.from = {lane->role, ANY_RANK}, .window = INT32_MAX, .next = next_batch, .context = lane};
    lane->pending = xcalloc((size_t)capacity, sizeof *lane->pending);
    return open_edge(lane, hub, address);
}

void lane_close(struct lane *lane) {
    if (!lane->pending) return;
    ahead_release(&lane->ahead);
    spool_writer_close(&lane->writer);
    free(lane->pending);
}

static bool is_same(const struct client *a, const struct client *b) {
    return a->id_size == b->id_size && memcmp(a->id, b->id, a->id_size) == 0;
}

bool lane_full(const struct lane *lane, const struct client *client) {
    int own = 0;
    for (int i = 0; i < lane->pending_count; i++) own += is_same(&lane->pending[i].client, client);
    return lane->pending_count == lane->capacity || own >= (lane->capacity + 1) / 2;
}

// ---- in

// A file, as workers read pictures by path; it is removed when its answer came.
static int write_picture(const char *path, const void *bytes, size_t size, char why[REASON]) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t done = fd < 0 ? -1 : write(fd, bytes, size);
    int closed = fd < 0 ? -1 : close(fd);
    if (done == (ssize_t)size && !closed) return 0;
    snprintf(why, REASON, "the server cannot store the picture: %s", done < 0 ? strerror(errno) : "no space");
    unlink(path);
    return -EXIT_RUN;
}

static int add_picture(struct lane *lane, const struct request *request, char why[REASON]) {
    char name[24], *path = picture_path(lane, lane->writer.lines);
    int status = write_picture(path, request->payload, request->size, why);
    free(path);
    if (status) return status;
    snprintf(name, sizeof name, "%" PRId64, lane->writer.lines);
    spool_write(&lane->writer, name, strlen(name));
    return 0;
}

// On one line: control characters, which no vocabulary has, become blanks.
static int add_text(struct lane *lane, const struct request *request, char why[REASON]) {
    char *text = request->payload;
    if (request->size >= SPOOL_LINE_LIMIT) {
        snprintf(why, REASON, "the text has more than %d bytes", SPOOL_LINE_LIMIT);
        return -EXIT_DATA;
    }
    for (size_t i = 0; i < request->size; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) text[i] = ' ';
    spool_write(&lane->writer, text, request->size);
    return 0;
}

// The line's number is what the result will be known by. A batch begins with its first request, and so does the wait.
int lane_add(struct lane *lane, const struct request *request, char why[REASON]) {
    const int64_t line = lane->writer.lines;
    if (!spool_begun(&lane->writer)) lane->since = clock_seconds();
    int status = lane->pictures ? add_picture(lane, request, why) : add_text(lane, request, why);
    if (!status) lane->pending[lane->pending_count++] = (struct pending){request->client, line};
    return status;
}

// Batches that waited long enough are filled up, what is new is written, and only then asked for: whoever gets the
// request finds the lines. Only whole batches are asked for, as a request says how many samples it is of.
int lane_advance(struct lane *lane, double max_wait) {
    if (spool_begun(&lane->writer) && clock_seconds() - lane->since >= max_wait) spool_cut(&lane->writer);
    int status = spool_flush(&lane->writer);
    return status ? status : ahead_fill(&lane->ahead);
}

// ---- out

static int find_pending(const struct lane *lane, int64_t line) {
    for (int i = 0; i < lane->pending_count; i++)
        if (lane->pending[i].line == line) return i;
    return -1;
}

// Why the sample could not be had, or NULL; the caller frees.
// A worker that cannot have a sample puts something in its row and says so beside: the client gets the reason, not the
// row.
static char *find_drop(const struct message *message, int64_t id) {
    const char *line;
    for (int i = 0; (line = message_string(message, TENSOR_DROPS, i)); i++) {
        json_t *drop = json_loads(line, 0, NULL);
        bool found = json_integer_value(json_object_get(drop, "id")) == id;
        const char *reason = json_string_value(json_object_get(drop, "reason"));
        char *copy = found ? xstrdup(reason ? reason : "it cannot be read") : NULL;
        json_decref(drop);
        if (found) return copy;
    }
    return NULL;
}

static bool reply_result(const struct lane *lane, void *socket, const struct client *client,
                         const struct message *message, int i) {
    if (!lane->floats) {
        const char *text = message_string(message, TENSOR_TEXT, i);
        return clients_reply_text(socket, client, "caption", text ? text : "");
    }
    const struct tensor *rows = message_find(message, TENSOR_EMBEDDING);
    const int64_t E = rows->shape.dim[1];
    return clients_reply_floats(socket, client, (const float *)rows->data + i * E, E);
}

// A line without a request is a filler, or one whose request was answered. The last one of the list takes the place
// that gets free.
static void answer_one(struct lane *lane, void *socket, const struct message *message, int i, int64_t line,
                       struct tally *tally) {
    int at = find_pending(lane, line);
    if (at < 0) return;
    const struct client client = lane->pending[at].client;
    char *dropped = find_drop(message, line), *path = picture_path(lane, line);
    bool read = dropped ? clients_reply_error(socket, &client, "error", dropped)
                        : reply_result(lane, socket, &client, message, i);
    tally->failed += dropped != NULL;
    tally->answered += !dropped;
    tally->unread += !read;
    if (lane->pictures) unlink(path);
    lane->pending[at] = lane->pending[--lane->pending_count];
    free(dropped);
    free(path);
}

// Sizes come from another process, so they are checked against each other before rows are read.
static int answer_batch(struct lane *lane, void *socket, const struct message *message, struct tally *tally) {
    const void *ids, *rows;
    int status = message_tensor(message, TENSOR_IDS, DT_I64, SHAPE(-1), &ids);
    if (status) return status;
    const int64_t count = message_find(message, TENSOR_IDS)->shape.dim[0];
    if (lane->floats) status = message_tensor(message, TENSOR_EMBEDDING, DT_F32, SHAPE(count, -1), &rows);
    for (int i = 0; i < count && !status; i++) answer_one(lane, socket, message, i, ((const int64_t *)ids)[i], tally);
    return status;
}

int lane_answer(struct lane *lane, void *socket, struct tally *tally) {
    int status = 0;
    while (!status && ahead_ready(&lane->ahead)) {
        struct message *message;
        status = ahead_take(&lane->ahead, &message);
        if (status) break;
        status = answer_batch(lane, socket, message, tally);
        message_free(&message);
    }
    return status;
}
