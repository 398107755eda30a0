// coca-serve: answers clients by the work of other stages. The manual page is below. One loop: take requests, put them
// into their task's lane, ask for whole batches, answer what has come. No request waits for another task's, and none is
// lost silently: there is a place for it, or it is refused at once. clients.c speaks with clients, lane.c with stages.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "coca-serve/serve.h"
#include "run/run_model.h"
#include "run/run_options.h"
#include "stage/option_rows.h"
#include "stage/stage.h"
#include "train/protocol.h"

static const char manual[] =
    "Keeps a captioner and embedders at clients' disposal. Each task has a list, which coca-decode or\n"
    "coca-tokenize reads with --list, and an edge, on which the last stage of its chain serves the results:\n"
    "\n"
    "  caption          captions.list, captions.list.pictures   --captions, of coca-text-decode --generate\n"
    "  image-embedding  images.list, images.list.pictures       --image-embeddings, of coca-image-encode\n"
    "  text-embedding   texts.list                              --text-embeddings, of coca-text-decode --embed\n"
    "\n"
    "Requests of all clients share batches of --microbatch, which go on when full or --max-wait after the first.\n"
    "\n"
    "Clients connect a ZeroMQ REQ or DEALER socket to --clients. A request has two frames: a JSON object\n"
    "{\"task\": \"caption\", \"id\": anything that is to come back}, and the bytes of a JPEG, PNG or WebP file\n"
    "(for text-embedding a UTF-8 text). The reply is a JSON object with \"status\", and \"id\" where the request\n"
    "had one:\n"
    "\n"
    "  ok     \"caption\"; for embeddings \"dtype\": \"f32\" and \"shape\", and a frame of little-endian numbers\n"
    "  busy   --queue requests of this task wait already, or the server is leaving: \"error\" says so, try again\n"
    "  error  \"error\": what is wrong with the request or the picture\n"
    "\n"
    "The task \"status\" (no payload) is answered with counts: waiting, answered, refused, malformed, failed,\n"
    "unread. A request larger than --request-limit closes its connection. SIGTERM: what waits is answered, then\n"
    "it leaves.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage, 4 a stage was lost, 130 and 143 signals.\n"
    "\n"
    "Example: pipelines/serve.sh does all of this.";

static struct {
    char *clients, *captions, *image_embeddings, *text_embeddings;
    double max_wait; // milliseconds
    int64_t queue, request_limit;
} own;

#define FIELD(member) offsetof(__typeof__(own), member)
static const struct option rows[] = {
    TEXT("clients", clients, "ADDRESS", NULL, "where clients connect: ipc://PATH or tcp://HOST:PORT", OPTION_LOCAL),
    TEXT("image-embeddings", image_embeddings, "ADDRESS", NULL, "of the image embedder", OPTION_LOCAL),
    TEXT("text-embeddings", text_embeddings, "ADDRESS", NULL, "of the text embedder", OPTION_LOCAL),
    REAL("max-wait", max_wait, "MILLISECONDS", "20", 0, 1e6, "for a batch to fill, from its first request on",
         OPTION_LOCAL),
    INT("queue", queue, "REQUESTS", "64", 1, 65536, "of one task that wait at most", OPTION_LOCAL),
    INT("request-limit", request_limit, "BYTES", "32M", 1 << 10, 256 << 20, "the largest picture", OPTION_LOCAL),
};

enum { OWN, RUN, TABLES };
static struct option_table tables[TABLES] = {[OWN] = {rows, sizeof rows / sizeof *rows, &own, NULL}};

enum { LANES = 3, TAKEN_AT_ONCE = 64, BUSY_MS = 2, IDLE_MS = 100 };
static struct lane lane[LANES] = {
    {.list = "captions.list", .role = ROLE_TEXT, .task = "caption", .pictures = true, .floats = false},
    {.list = "images.list", .role = ROLE_IMAGE, .task = "image-embedding", .pictures = true, .floats = true},
    {.list = "texts.list", .role = ROLE_TEXT, .task = "text-embedding", .pictures = false, .floats = true},
};
static struct tally tally;
static void *clients;
static bool leaving;

static int prepare(const struct strings *operands) {
    struct model_config model;
    (void)operands;
    return run_join(&model, &tables[RUN]);
}

static int waiting(void) {
    int count = 0;
    for (int i = 0; i < LANES; i++) count += lane[i].pending_count;
    return count;
}

// ---- requests

static struct lane *lane_of(const char *task) {
    for (int i = 0; i < LANES; i++)
        if (lane[i].edge && !strcmp(lane[i].task, task)) return &lane[i];
    return NULL;
}

static void refuse(const struct client *client, const char *why) {
    tally.refused++;
    if (!clients_reply_error(clients, client, "busy", why)) tally.unread++;
}

static void complain(const struct client *client, const char *why) {
    tally.malformed++;
    if (!clients_reply_error(clients, client, "error", why)) tally.unread++;
}

static void say_status(const struct client *client) {
    char *json = xformat("{\"status\": \"ok\", \"waiting\": %d, \"answered\": %" PRId64 ", \"refused\": %" PRId64
                         ", \"malformed\": %" PRId64 ", \"failed\": %" PRId64 ", \"unread\": %" PRId64 "}",
                         waiting(), tally.answered, tally.refused, tally.malformed, tally.failed, tally.unread);
    if (!clients_reply_json(clients, client, json)) tally.unread++;
    free(json);
}

static void accept_request(const struct request *request) {
    struct lane *to = lane_of(request->task);
    char why[REASON];
    if (request->wrong[0])
        complain(&request->client, request->wrong);
    else if (!strcmp(request->task, "status"))
        say_status(&request->client);
    else if (!to)
        complain(&request->client, "this server has no such task");
    else if (!request->size)
        complain(&request->client, "the payload is empty");
    else if (leaving || lane_full(to))
        refuse(&request->client, leaving ? "the server is leaving" : "busy, try again");
    else if (lane_add(to, request, why))
        complain(&request->client, why);
}

// What one turn takes is bounded, so that results are not kept waiting.
static void take_requests(void) {
    struct request request;
    for (int i = 0; i < TAKEN_AT_ONCE && clients_receive(clients, &request); i++) {
        accept_request(&request);
        free(request.payload);
    }
}

// ---- the loop

static int turn(struct hub *hub) {
    zmq_pollitem_t item = {clients, 0, ZMQ_POLLIN, 0};
    zmq_poll(&item, 1, waiting() ? BUSY_MS : IDLE_MS);
    int status = hub_look(hub);
    if (status) return status;
    take_requests();
    for (int i = 0; i < LANES && !status; i++) {
        if (!lane[i].edge) continue;
        status = lane_advance(&lane[i], leaving ? 0 : own.max_wait / 1000);
        if (!status) status = lane_answer(&lane[i], clients, &tally);
    }
    return status;
}

static int on_signal(void *context, int signal) {
    (void)context;
    leaving = true;
    stage_exit_signal(signal);
    return 0;
}

static int open_lanes(struct hub *hub) {
    const char *address[LANES] = {run_options.captions, own.image_embeddings, own.text_embeddings};
    int status = 0;
    for (int i = 0; i < LANES && !status; i++)
        status = lane_open(&lane[i], hub, address[i], (int)run_options.microbatch, (int)own.queue);
    for (int i = 0; i < LANES && !status; i++)
        if (lane[i].edge) return 0;
    return status ? status : error(EXIT_USAGE, "nothing to serve: --captions, --image-embeddings, --text-embeddings");
}

static int serve(struct hub *hub) {
    int status = 0;
    stage_signal_policy(STAGE_REQUEST, on_signal, NULL);
    note("serving at %s", own.clients);
    stage_ready();
    while (!status && !(leaving && !waiting())) status = turn(hub);
    note("%" PRId64 " requests answered, %" PRId64 " refused, %" PRId64 " malformed, %" PRId64
         " pictures that could not be read, %" PRId64 " replies unread",
         tally.answered, tally.refused, tally.malformed, tally.failed, tally.unread);
    return status;
}

static int run(struct hub *hub) {
    if (!own.clients) return error(EXIT_USAGE, "--clients ADDRESS says where clients connect");
    int status = open_lanes(hub);
    if (!status) status = hub_clients(hub, &clients, "clients", own.clients, own.request_limit);
    if (!status) status = serve(hub);
    if (clients) zmq_close(clients);
    for (int i = 0; i < LANES; i++) lane_close(&lane[i]);
    return status;
}

int main(int argc, char **argv) {
    static const struct stage stage = {.name = "coca-serve",
                                       .summary = "answers clients with captions and embeddings",
                                       .manual = manual,
                                       .tables = tables,
                                       .table_count = TABLES,
                                       .prepare = prepare,
                                       .run = run};
    tables[RUN] = run_options_table;
    return stage_main(&stage, argc, argv);
}
