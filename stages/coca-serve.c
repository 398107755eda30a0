// coca-serve: answers clients by the work of other stages. The manual page is below. One loop: take requests, put them
// into their task's lane, ask for whole batches, answer what has come. No request waits for another task's, and none is
// lost silently: there is a place for it, or it is refused at once. clients.c speaks with clients, lane.c with stages.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "coca-serve/serve.h"
#include "dataset/record.h"
#include "run/run.h"
#include "stage/option_rows.h"
#include "stage/stage.h"
#include "train/stages.h"

static const char manual[] =
    "Keeps a captioner and embedders at clients' disposal. Each task has a list, which coca-decode or\n"
    "coca-tokenize reads with --list and --null, and an edge, on which the last stage of its chain serves the results:\n"
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
    "  busy   --queue requests of this task wait already, half of them this client's, or the server is leaving:\n"
    "         \"error\" says so, try again\n"
    "  error  \"error\": what is wrong with the request or the picture\n"
    "\n"
    "The task \"status\" (no payload) is answered with counts: waiting, answered, refused, malformed, failed,\n"
    "unread; and with max_picture_bytes, which a client compares first: a request larger than --request-limit\n"
    "closes its connection. SIGTERM: what waits is answered, then it leaves.\n"
    "\n"
    "Connections are bounded by the limit on open files, raised as far as it goes, and by 4096; then those that\n"
    "wait for no reply give way to new ones, which ZeroMQ's clients do not notice, and else new ones wait. A client\n"
    "that takes nothing of its replies for 10 s is disconnected. The file of an ipc socket is its owner's alone\n"
    "(0600); chmod lets others in.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage, 4 a stage was lost, 130 and 143 signals.\n"
    "\n"
    "Example: pipelines/serve.sh does all of this.";

enum { LANES = 3, TAKEN_AT_ONCE = 64, BUSY_MS = 2, IDLE_MS = 100 };

// Of the run's options.
static const char used[] = "model pretrained image-size batch-size microbatch captions";

struct server {
    struct run run;
    struct {
        char *clients, *image_embeddings, *text_embeddings;
        double max_wait; // milliseconds
        int64_t queue, max_picture_bytes, request_limit;
    } own;
    struct hub *hub;
    struct hub_clients clients;
    struct lane lane[LANES];
    struct tally tally;
    bool leaving;
};

#define FIELD(member) offsetof(__typeof__(((struct server *)0)->own), member)
static const struct option rows[] = {
    TEXT("clients", clients, "ADDRESS", NULL, "where clients connect: ipc://PATH or tcp://HOST:PORT", OPTION_LOCAL),
    TEXT("image-embeddings", image_embeddings, "ADDRESS", NULL, "of the image embedder", OPTION_LOCAL),
    TEXT("text-embeddings", text_embeddings, "ADDRESS", NULL, "of the text embedder", OPTION_LOCAL),
    REAL("max-wait", max_wait, "MILLISECONDS", "20", 0, 1e6, "for a batch to fill, from its first request on",
         OPTION_LOCAL),
    INT("queue", queue, "REQUESTS", "64", 1, 65536, "of one task that wait at most", OPTION_LOCAL),
    INT("max-picture-bytes", max_picture_bytes, "BYTES", "32M", 1, RECORD_BYTES_LIMIT,
        "the largest picture that is taken; larger ones are answered with an error", OPTION_LOCAL),
    INT("request-limit", request_limit, "BYTES", "128M", 1 << 10, 1 << 30,
        "the largest request that is read at all, at least twice --max-picture-bytes", OPTION_LOCAL),
};

static const struct lane lanes[LANES] = {
    {.list = "captions.list", .role = ROLE_TEXT, .task = "caption", .pictures = true, .floats = false},
    {.list = "images.list", .role = ROLE_IMAGE, .task = "image-embedding", .pictures = true, .floats = true},
    {.list = "texts.list", .role = ROLE_TEXT, .task = "text-embedding", .pictures = false, .floats = true},
};

static int prepare(void *context, const struct strings *operands) {
    struct server *server = context;
    struct model_config model;
    (void)operands;
    return run_join(&server->run, &model);
}

static int waiting(const struct server *server) {
    int count = 0;
    for (int i = 0; i < LANES; i++) count += server->lane[i].pending_count;
    return count;
}

// ---- requests

static struct lane *lane_of(struct server *server, const char *task) {
    for (int i = 0; i < LANES; i++)
        if (server->lane[i].ahead.edge && !strcmp(server->lane[i].task, task)) return &server->lane[i];
    return NULL;
}

static void refuse(struct server *server, const struct client *client, const char *why) {
    server->tally.refused++;
    if (!clients_reply_error(server->clients.socket, client, "busy", why)) server->tally.unread++;
}

static void complain(struct server *server, const struct client *client, const char *why) {
    server->tally.malformed++;
    if (!clients_reply_error(server->clients.socket, client, "error", why)) server->tally.unread++;
}

static void say_status(struct server *server, const struct client *client) {
    const struct tally *tally = &server->tally;
    char *json = xformat("{\"status\": \"ok\", \"waiting\": %d, \"answered\": %" PRId64 ", \"refused\": %" PRId64
                         ", \"malformed\": %" PRId64 ", \"failed\": %" PRId64 ", \"unread\": %" PRId64
                         ", \"max_picture_bytes\": %" PRId64 "}",
                         waiting(server), tally->answered, tally->refused, tally->malformed, tally->failed,
                         tally->unread, server->own.max_picture_bytes);
    if (!clients_reply_json(server->clients.socket, client, json)) server->tally.unread++;
    free(json);
}

// Why the lane cannot have it, or NULL.
static const char *is_unfit(const struct server *server, const struct lane *to, const struct request *request,
                            char why[REASON]) {
    if (!to) return "this server has no such task";
    if (!request->size) return "the payload is empty";
    if (!to->pictures || request->size <= (uint64_t)server->own.max_picture_bytes) return NULL;
    snprintf(why, REASON, "it has %zu bytes, more than %" PRId64 " (the server's --max-picture-bytes)", request->size,
             server->own.max_picture_bytes);
    return why;
}

static void enter_lane(struct server *server, struct lane *to, const struct request *request) {
    const struct client *client = &request->client;
    char why[REASON];
    if (server->leaving || lane_full(to, client))
        refuse(server, client, server->leaving ? "the server is leaving" : "busy, try again");
    else if (lane_add(to, request, why))
        complain(server, client, why);
}

static void accept_request(struct server *server, const struct request *request) {
    const struct client *client = &request->client;
    struct lane *to = lane_of(server, request->task);
    char text[REASON];
    const char *unfit = is_unfit(server, to, request, text);
    if (request->wrong[0])
        complain(server, client, request->wrong);
    else if (!strcmp(request->task, "status"))
        say_status(server, client);
    else if (unfit)
        complain(server, client, unfit);
    else
        enter_lane(server, to, request);
}

// What one turn takes is bounded, so that results are not kept waiting.
static void take_requests(struct server *server) {
    struct request request;
    for (int i = 0; i < TAKEN_AT_ONCE && clients_receive(server->clients.socket, &request); i++) {
        accept_request(server, &request);
        free(request.payload);
    }
}

// ---- the loop

static int turn(struct server *server) {
    zmq_pollitem_t item = {server->clients.socket, 0, ZMQ_POLLIN, 0};
    zmq_poll(&item, 1, waiting(server) ? BUSY_MS : IDLE_MS);
    int status = hub_look(server->hub);
    if (status) return status;
    take_requests(server);
    for (int i = 0; i < LANES && !status; i++) {
        struct lane *lane = &server->lane[i];
        if (!lane->ahead.edge) continue;
        status = lane_advance(lane, server->leaving ? 0 : server->own.max_wait / 1000);
        if (!status) status = lane_answer(lane, server->clients.socket, &server->tally);
    }
    return status;
}

static int on_signal(void *context, int signal) {
    ((struct server *)context)->leaving = true;
    stage_exit_signal(signal);
    return 0;
}

static int open_lanes(struct server *server) {
    const struct run_options *o = &server->run.options;
    const char *address[LANES] = {o->captions, server->own.image_embeddings, server->own.text_embeddings};
    int status = 0;
    for (int i = 0; i < LANES && !status; i++)
        status = lane_open(&server->lane[i], server->hub, address[i], (int)o->microbatch, (int)server->own.queue);
    for (int i = 0; i < LANES && !status; i++)
        if (server->lane[i].ahead.edge) return 0;
    return status ? status : error(EXIT_USAGE, "nothing to serve: --captions, --image-embeddings, --text-embeddings");
}

static int serve(struct server *server) {
    const struct tally *tally = &server->tally;
    int status = 0;
    stage_signal_policy(STAGE_REQUEST, on_signal, server);
    note("serving at %s", server->own.clients);
    stage_ready();
    while (!status && !(server->leaving && !waiting(server))) status = turn(server);
    note("%" PRId64 " requests answered, %" PRId64 " refused, %" PRId64 " malformed, %" PRId64
         " pictures that could not be read, %" PRId64 " replies unread",
         tally->answered, tally->refused, tally->malformed, tally->failed, tally->unread);
    return status;
}

// Beyond it libzmq ends the connection; up to it whoever sends too much is told.
static int64_t request_limit(const struct server *server) {
    const int64_t least = 2 * server->own.max_picture_bytes;
    return server->own.request_limit > least ? server->own.request_limit : least;
}

static int run(void *context, struct hub *hub) {
    struct server *server = context;
    const char *address = server->own.clients;
    server->hub = hub;
    memcpy(server->lane, lanes, sizeof lanes);
    if (!address) return error(EXIT_USAGE, "--clients ADDRESS says where clients connect");
    int status = open_lanes(server);
    if (!status) status = hub_clients_open(hub, &server->clients, "clients", address, request_limit(server));
    if (!status) status = serve(server);
    hub_clients_close(&server->clients);
    for (int i = 0; i < LANES; i++) lane_close(&server->lane[i]);
    return status;
}

int main(int argc, char **argv) {
    struct server server = {.hub = NULL};
    struct option_table own = OPTION_TABLE(rows, &server.own);
    struct option_table *const tables[] = {&own, &server.run.table, NULL};
    const struct stage stage = {.name = "coca-serve",
                                .summary = "answers clients with captions and embeddings",
                                .manual = manual,
                                .tables = tables,
                                .context = &server,
                                .prepare = prepare,
                                .run = run};
    run_init(&server.run, used);
    return stage_main(&stage, argc, argv);
}
