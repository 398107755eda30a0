// The binding of MPI, compiled once against each kind of it. MPI moves bytes on a communicator of our own; nothing here
// blocks but join and leave, which all ranks enter in step.
#include <mpi.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "ranks/transport.h"

enum { TAG = 1, ANY_SIZE = -1 };

// What is under way: [count] each. `expected` is the size of a message that is received.
static struct under_way {
    MPI_Request *requests;
    int *expected, *finished;
    MPI_Status *statuses;
    int count, capacity;
} under_way;
static MPI_Comm ours;

static int begin(const struct ranks_piece *send, int sends, const struct ranks_piece *receive, int receives);
static int join(int *rank, int *ranks, int *place);
static int progress(bool *done);
static void leave(bool well);

__attribute__((visibility("default"))) struct transport coca_transport = {
    .size = sizeof(struct transport),
    .most = (size_t)1 << 30,
    .join = join,
    .begin = begin,
    .progress = progress,
    .leave = leave,
};

static int failed(enum exit_code code, int reason, const char *call) {
    char text[MPI_MAX_ERROR_STRING] = "";
    int length;
    MPI_Error_string(reason, text, &length);
    return error(code, "%s, %s: %s", coca_transport.name, call, text);
}

// ---- the job

// "Open MPI v4.1.4, package: …", "MPICH Version:\t4.0.2\n…"
static void name_library(void) {
    char version[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    MPI_Get_library_version(version, &length);
    version[strcspn(version, ",\n")] = 0;
    for (char *tab; (tab = strchr(version, '\t'));) *tab = ' ';
    snprintf(coca_transport.name, sizeof coca_transport.name, "%.60s", version);
}

static int find_place(int rank, int *place) {
    MPI_Comm here;
    const int reason = MPI_Comm_split_type(ours, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &here);
    if (reason) return failed(EXIT_RUN, reason, "MPI_Comm_split_type");
    MPI_Comm_rank(here, place);
    MPI_Comm_free(&here);
    return 0;
}

static int join(int *rank, int *ranks, int *place) {
    int provided, reason = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    name_library();
    if (reason) return failed(EXIT_RUN, reason, "MPI_Init_thread");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    reason = MPI_Comm_dup(MPI_COMM_WORLD, &ours);
    if (reason) return failed(EXIT_RUN, reason, "MPI_Comm_dup");
    MPI_Comm_set_errhandler(ours, MPI_ERRORS_RETURN);
    MPI_Comm_rank(ours, rank);
    MPI_Comm_size(ours, ranks);
    return find_place(*rank, place);
}

static void free_under_way(void) {
    free(under_way.requests);
    free(under_way.expected);
    free(under_way.finished);
    free(under_way.statuses);
    under_way = (struct under_way){0};
}

// A process that ends without MPI_Finalize, which waits for all ranks, makes the launcher end the job. What is under
// way then stays: the library may still write to it.
static void leave(bool well) {
    if (!well) return;
    if (under_way.count) bug("a rank leaves with %d messages under way", under_way.count);
    free_under_way();
    MPI_Comm_free(&ours);
    MPI_Finalize();
}

// ---- bytes

static void make_room(void) {
    struct under_way *u = &under_way;
    if (u->count < u->capacity) return;
    u->capacity = u->capacity ? 2 * u->capacity : 64;
    const size_t capacity = (size_t)u->capacity;
    u->requests = xrealloc_array(u->requests, capacity, sizeof *u->requests);
    u->expected = xrealloc_array(u->expected, capacity, sizeof *u->expected);
    u->finished = xrealloc_array(u->finished, capacity, sizeof *u->finished);
    u->statuses = xrealloc_array(u->statuses, capacity, sizeof *u->statuses);
}

static int begin_message(int rank, void *bytes, int size, bool send) {
    make_room();
    MPI_Request *request = &under_way.requests[under_way.count];
    const int reason = send ? MPI_Isend(bytes, size, MPI_BYTE, rank, TAG, ours, request)
                            : MPI_Irecv(bytes, size, MPI_BYTE, rank, TAG, ours, request);
    if (reason) return failed(EXIT_PEER, reason, send ? "MPI_Isend" : "MPI_Irecv");
    under_way.expected[under_way.count++] = send ? ANY_SIZE : size;
    return 0;
}

static int begin_piece(const struct ranks_piece *piece, bool send) {
    int status = 0;
    for (size_t at = 0, size; at < piece->size && !status; at += size) {
        const size_t left = piece->size - at;
        size = left < coca_transport.most ? left : coca_transport.most;
        status = begin_message(piece->rank, (char *)piece->bytes + at, (int)size, send);
    }
    return status;
}

static int begin(const struct ranks_piece *send, int sends, const struct ranks_piece *receive, int receives) {
    int status = 0;
    for (int i = 0; i < receives && !status; i++) status = begin_piece(&receive[i], false);
    for (int i = 0; i < sends && !status; i++) status = begin_piece(&send[i], true);
    return status;
}

static int check_size(const MPI_Status *message, int expected) {
    int size;
    if (expected == ANY_SIZE) return 0;
    MPI_Get_count(message, MPI_BYTE, &size);
    if (size == expected) return 0;
    return error(EXIT_PEER, "rank %d sent %d bytes where %d belong: do all ranks run the same program?",
                 message->MPI_SOURCE, size, expected);
}

static int check_finished(int finished, int reason) {
    int status = 0;
    for (int i = 0; i < finished && !status; i++) {
        const MPI_Status *message = &under_way.statuses[i];
        const bool lost = reason == MPI_ERR_IN_STATUS && message->MPI_ERROR != MPI_SUCCESS;
        status = lost ? failed(EXIT_PEER, message->MPI_ERROR, "a message")
                      : check_size(message, under_way.expected[under_way.finished[i]]);
    }
    return status;
}

// What is still under way moves up, in its order.
static void drop_finished(void) {
    struct under_way *u = &under_way;
    int kept = 0;
    for (int i = 0; i < u->count; i++) {
        if (u->requests[i] == MPI_REQUEST_NULL) continue;
        u->requests[kept] = u->requests[i];
        u->expected[kept++] = u->expected[i];
    }
    u->count = kept;
}

static int progress(bool *done) {
    struct under_way *u = &under_way;
    *done = u->count == 0;
    if (*done) return 0;
    int finished = 0;
    const int reason = MPI_Testsome(u->count, u->requests, &finished, u->finished, u->statuses);
    if (reason && reason != MPI_ERR_IN_STATUS) return failed(EXIT_PEER, reason, "MPI_Testsome");
    const int status = check_finished(finished, reason);
    if (finished) drop_finished();
    *done = u->count == 0;
    return status;
}
