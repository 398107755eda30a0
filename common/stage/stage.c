// The life that all stages share, so that a stage's own file has none of it: the common options, the hub, what a signal
// means, the supervisor's death, readiness, counters, and the exit code in the end. main calls stage_main, which calls
// the stage back: prepare, run, close. Programs without a hub have command.c instead.
#include "stage/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/machine.h"
#include "base/text.h"
#include "stage/arguments.h"
#include "stage/counters.h"
#include "stage/option_rows.h"
#include "stage/signals.h"

// --- What is true of the whole process

// The options that every stage has.
struct common {
    char *run_dir, *run_id, *ready, *supervisor, *counters, *keys;
    int64_t rank, message_limit;
    struct strings record;
    bool insecure;
    double peer_timeout, request_timeout, stall_timeout;
};

// A process is one stage, and signals are the process's: whatever part of the stage calls, there is no other to mean.
static struct {
    struct common options;
    const struct stage *stage; // whose role may become another one in `prepare`
    int signals;               // the pipe that tells of them
    char run[WIRE_RUN];
    int64_t generation;
    uint64_t fingerprint;
    enum stage_signal policy;
    int (*on_signal)(void *context, int signal);
    void *context;
    int exit_signal;
    int64_t announced_memory; // bytes
    struct ranks_counters ranks;
} process;

#define FIELD(member) offsetof(struct common, member)
static const struct option common_rows[] = {
    HEADING("Common to all stages"),
    TEXT("run-dir", run_dir, "DIR", NULL, "working directory; relative paths start there", OPTION_LOCAL),
    TEXT("run-id", run_id, "TEXT", NULL, "refuse peers of another run; without it, the first peer's is taken over",
         OPTION_LOCAL),
    INT("rank", rank, "N", "0", 0, 65535, "among the replicas or workers of this stage", OPTION_LOCAL),
    TEXT("ready", ready, "FILE", NULL, "created once the stage is ready", OPTION_LOCAL),
    TEXT("supervisor", supervisor, "FIFO", NULL, "leave with 4 when nobody holds this FIFO open for writing",
         OPTION_LOCAL),
    TEXT("counters", counters, "FILE", NULL,
         "append a line at exit, tab-separated: " COUNTERS_HEADER
         " (busy, waiting, blocked, exchanging: shares; memory: bytes)",
         OPTION_LOCAL | OPTION_OUTPUT),
    LIST("record", record, "EDGE=FILE", "write what arrives on an edge to a file or FIFO, as coca-tap reads it",
         OPTION_LOCAL | OPTION_OUTPUT),
    TEXT("keys", keys, "DIR", NULL, "CURVE keys for tcp edges, made by `coca-tap keys DIR`", OPTION_LOCAL),
    FLAG("insecure", insecure, "allow tcp to other hosts without keys", OPTION_LOCAL),
    REAL("peer-timeout", peer_timeout, "SECONDS", "30", 0.01, INFINITY, "leave with 4 when a peer is missing so long",
         OPTION_LOCAL),
    REAL("request-timeout", request_timeout, "SECONDS", "30", 0.01, INFINITY,
         "ask another worker when one does not answer for so long", OPTION_LOCAL),
    REAL("stall-timeout", stall_timeout, "SECONDS", "300", 0.01, INFINITY,
         "leave with 4 when nothing arrives for so long", OPTION_LOCAL),
    INT("message-limit", message_limit, "BYTES", "1G", 1 << 16, INFINITY, "the largest tensor that is accepted",
        OPTION_LOCAL),
};

// --- What the stage says about itself while it runs

void stage_identify(const char *run, int64_t generation, uint64_t fingerprint) {
    if (run && *run) snprintf(process.run, sizeof process.run, "%s", run);
    process.generation = generation;
    process.fingerprint = fingerprint;
}

void stage_set_rank(int rank) {
    process.options.rank = rank;
}

void stage_signal_policy(enum stage_signal policy, int (*on_signal)(void *context, int signal), void *context) {
    process.policy = policy;
    process.on_signal = on_signal;
    process.context = context;
}

bool stage_stopping(void) {
    return process.policy == STAGE_DRAIN && signals_first();
}

int stage_signal_number(void) {
    return signals_first();
}

void stage_exit_signal(int signal) {
    process.exit_signal = signal;
}

void stage_announce_memory(int64_t bytes) {
    process.announced_memory = bytes;
}

void stage_count_ranks(struct ranks_counters counters) {
    process.ranks = counters;
}

void stage_ready(void) {
    if (!process.options.ready) return;
    int fd = open(process.options.ready, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        warn("--ready %s: cannot be created: %s", process.options.ready, strerror(errno));
    else
        close(fd);
}

// --- What may happen while it waits

static int signal_arrived(void *context) {
    const int *pipe = context;
    char byte;
    // Draining, the byte stays in the pipe: every wait from now on returns at once.
    if (process.policy == STAGE_DRAIN) return STAGE_STOP;
    if (read(*pipe, &byte, 1) != 1 || !process.on_signal) return 0;
    return process.on_signal(process.context, signals_first());
}

static int supervisor_changed(void *context) {
    const int *fifo = context;
    char bytes[256];
    ssize_t count = read(*fifo, bytes, sizeof bytes);
    if (count == 0) return error(EXIT_PEER, "the supervisor is gone");
    return 0;
}

static int watch_supervisor(struct hub *hub, int *fifo) {
    if (!process.options.supervisor) return 0;
    *fifo = open(process.options.supervisor, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (*fifo < 0) return error(EXIT_USAGE, "--supervisor %s: %s", process.options.supervisor, strerror(errno));
    hub_watch(hub, *fifo, supervisor_changed, fifo);
    return supervisor_changed(fifo);
}

// --- The life

static const char *stage_role(const struct stage *stage) {
    const char *prefix = "coca-";
    if (stage->role) return stage->role;
    return text_begins(stage->name, prefix) ? stage->name + strlen(prefix) : stage->name;
}

// What is opened later than options are read, or again: a stage may change its directory.
static void anchor_paths(void) {
    struct common *o = &process.options;
    char **const paths[] = {&o->ready, &o->supervisor, &o->counters, &o->keys};
    char *here = getcwd(NULL, 0);
    for (size_t i = 0; here && i < sizeof paths / sizeof *paths; i++) {
        if (!*paths[i]) continue;
        char *absolute = path_join(here, *paths[i]);
        free(*paths[i]);
        *paths[i] = absolute;
    }
    free(here);
}

static int check_common(void) {
    if (process.options.run_id && strlen(process.options.run_id) >= WIRE_RUN)
        return error(EXIT_USAGE, "--run-id: at most %d characters", WIRE_RUN - 1);
    for (size_t i = 0; i < process.options.record.count; i++)
        if (!strchr(process.options.record.item[i], '='))
            return error(EXIT_USAGE, "--record %s: it is EDGE=FILE", process.options.record.item[i]);
    if (process.options.run_dir && chdir(process.options.run_dir))
        return error(EXIT_USAGE, "--run-dir %s: %s", process.options.run_dir, strerror(errno));
    if (process.options.run_id) stage_identify(process.options.run_id, 0, 0);
    anchor_paths();
    return 0;
}

static struct hub *open_hub(const struct strings *record) {
    const struct hub_config config = {
        .role = stage_role(process.stage),
        .rank = (int)process.options.rank,
        .run = process.run,
        .generation = process.generation,
        .fingerprint = process.fingerprint,
        .peer_timeout = process.options.peer_timeout,
        .request_timeout = process.options.request_timeout,
        .stall_timeout = process.options.stall_timeout,
        .message_limit = process.options.message_limit,
        .keys = process.options.keys,
        .insecure = process.options.insecure,
        .record = record,
    };
    struct hub *hub = hub_new(&config);
    hub_watch(hub, process.signals, signal_arrived, &process.signals);
    return hub;
}

struct hub *stage_open_hub(void) {
    return open_hub(NULL);
}

static int leave_counters(const struct stage *stage, const struct hub *hub, double began) {
    const struct counters counters = {
        .role = stage_role(stage),
        .rank = (int)process.options.rank,
        .seconds = clock_seconds() - began,
        .hub = hub_counters(hub),
        .ranks = process.ranks,
        .announced_memory = process.announced_memory,
    };
    return process.options.counters ? counters_append(process.options.counters, &counters) : 0;
}

static int run_hub(const struct stage *stage, double began) {
    struct hub *hub = open_hub(&process.options.record);
    int fifo = -1, counted;
    int status = watch_supervisor(hub, &fifo);
    if (status == 0) status = stage->run(stage->context, hub);
    process.on_signal = NULL; // its context may be gone, while the hub still waits for messages to leave
    counted = leave_counters(stage, hub, began);
    if (status < 0) {
        hub_abandon(&hub);
    } else {
        int closed = hub_close(&hub);
        status = closed ? closed : counted;
    }
    if (fifo >= 0) close(fifo);
    return status;
}

static int exit_code(int status) {
    if (status < 0) return -status;
    if (process.exit_signal) return 128 + process.exit_signal;
    return stage_stopping() ? 128 + signals_first() : 0;
}

// Messages of many megabytes come and go all the time. By default glibc gives such blocks back to the kernel at once,
// and faulting their pages in again costs more than twice what copying the bytes does.
static void keep_freed_blocks(void) {
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
}

static int run_stage(const struct stage *stage, const struct arguments *arguments) {
    double began = clock_seconds();
    int status = check_common();
    if (!status) status = options_check_outputs(arguments->table);
    if (status) return status;
    machine_raise_descriptors(); // libzmq ends the process when there are none left for a connection
    process.stage = stage;
    process.signals = signals_install();
    keep_freed_blocks();
    if (stage->prepare) status = stage->prepare(stage->context, &arguments->operands);
    if (!status) status = run_hub(stage, began);
    if (stage->close) stage->close(stage->context);
    return status;
}

int stage_main(const struct stage *stage, int argc, char **argv) {
    const struct manual manual = {stage->name, stage->summary, stage->manual, stage->operands};
    struct option_table table = OPTION_TABLE(common_rows, &process.options);
    struct arguments arguments;
    fail_name(stage->name);
    int status = arguments_read(&arguments, &manual, stage->tables, &table, argc, argv);
    int code = status < 0 ? -status : 0;
    if (status == 0) code = exit_code(run_stage(stage, &arguments));
    arguments_release(&arguments);
    return code;
}
