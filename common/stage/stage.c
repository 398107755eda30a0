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
#include "stage/arguments.h"
#include "stage/counters.h"
#include "stage/signals.h"

// --- The options that every stage has

struct common {
    char *run_dir, *run_id, *ready, *supervisor, *counters, *keys;
    int64_t rank, message_limit;
    struct strings record;
    bool insecure;
    double peer_timeout, request_timeout, stall_timeout;
};
static struct common common;

#define AT(field) offsetof(struct common, field)
static const struct option common_rows[] = {
    {.help = "Common to all stages"},
    {"run-dir", OPTION_TEXT, AT(run_dir), "DIR", NULL, 0, 0, "working directory; relative paths start there",
     OPTION_LOCAL},
    {"run-id", OPTION_TEXT, AT(run_id), "TEXT", NULL, 0, 0,
     "refuse peers of another run; without it, the first peer's is taken over", OPTION_LOCAL},
    {"rank", OPTION_INT, AT(rank), "N", "0", 0, 65535, "among the replicas or workers of this stage", OPTION_LOCAL},
    {"ready", OPTION_TEXT, AT(ready), "FILE", NULL, 0, 0, "created once the stage is ready", OPTION_LOCAL},
    {"supervisor", OPTION_TEXT, AT(supervisor), "FIFO", NULL, 0, 0,
     "leave with 4 when nobody holds this FIFO open for writing", OPTION_LOCAL},
    {"counters", OPTION_TEXT, AT(counters), "FILE", NULL, 0, 0,
     "append a line at exit, tab-separated: " COUNTERS_HEADER " (busy, waiting, blocked: shares; memory: bytes)",
     OPTION_LOCAL},
    {"record", OPTION_LIST, AT(record), "EDGE=FILE", NULL, 0, 0,
     "write what arrives on an edge to a file or FIFO, as coca-tap reads it", OPTION_LOCAL},
    {"keys", OPTION_TEXT, AT(keys), "DIR", NULL, 0, 0, "CURVE keys for tcp edges, made by `coca-tap keys DIR`",
     OPTION_LOCAL},
    {"insecure", OPTION_FLAG, AT(insecure), NULL, NULL, 0, 0, "allow tcp to other hosts without keys", OPTION_LOCAL},
    {"peer-timeout", OPTION_REAL, AT(peer_timeout), "SECONDS", "30", 0.01, INFINITY,
     "leave with 4 when a peer is missing so long", OPTION_LOCAL},
    {"request-timeout", OPTION_REAL, AT(request_timeout), "SECONDS", "30", 0.01, INFINITY,
     "ask another worker when one does not answer for so long", OPTION_LOCAL},
    {"stall-timeout", OPTION_REAL, AT(stall_timeout), "SECONDS", "300", 0.01, INFINITY,
     "leave with 4 when nothing arrives for so long", OPTION_LOCAL},
    {"message-limit", OPTION_INT, AT(message_limit), "BYTES", "1G", 1 << 16, INFINITY,
     "the largest tensor that is accepted", OPTION_LOCAL},
};
static struct option_table common_table = {common_rows, sizeof common_rows / sizeof *common_rows, &common, NULL};

// --- What the stage says about itself while it runs

static struct {
    char run[WIRE_RUN];
    uint64_t fingerprint;
    enum stage_signal policy;
    int (*on_signal)(void *context, int signal);
    void *context;
    int exit_signal;
    int64_t announced_memory; // bytes
} life;

void stage_identify(const char *run, uint64_t fingerprint) {
    if (run && *run) snprintf(life.run, sizeof life.run, "%s", run);
    life.fingerprint = fingerprint;
}

void stage_signal_policy(enum stage_signal policy, int (*on_signal)(void *context, int signal), void *context) {
    life.policy = policy;
    life.on_signal = on_signal;
    life.context = context;
}

bool stage_stopping(void) {
    return life.policy == STAGE_DRAIN && signals_first();
}

int stage_signal_number(void) {
    return signals_first();
}

void stage_exit_signal(int signal) {
    life.exit_signal = signal;
}

void stage_announce_memory(int64_t bytes) {
    life.announced_memory = bytes;
}

void stage_ready(void) {
    if (!common.ready) return;
    int fd = open(common.ready, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        warn("--ready %s: cannot be created: %s", common.ready, strerror(errno));
    else
        close(fd);
}

// --- What may happen while it waits

static int signal_arrived(void *context) {
    const int *pipe = context;
    char byte;
    // Draining, the byte stays in the pipe: every wait from now on returns at once.
    if (life.policy == STAGE_DRAIN) return STAGE_STOP;
    if (read(*pipe, &byte, 1) != 1 || life.policy == STAGE_IGNORE) return 0;
    return life.on_signal(life.context, signals_first());
}

static int supervisor_changed(void *context) {
    const int *fifo = context;
    char bytes[256];
    ssize_t count = read(*fifo, bytes, sizeof bytes);
    if (count == 0) return error(EXIT_PEER, "the supervisor is gone");
    return 0;
}

static int watch_supervisor(struct hub *hub, int *fifo) {
    if (!common.supervisor) return 0;
    *fifo = open(common.supervisor, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (*fifo < 0) return error(EXIT_USAGE, "--supervisor %s: %s", common.supervisor, strerror(errno));
    hub_watch(hub, *fifo, supervisor_changed, fifo);
    return supervisor_changed(fifo);
}

// --- The life

static const char *stage_role(const struct stage *stage) {
    const char *prefix = "coca-";
    if (stage->role) return stage->role;
    return strncmp(stage->name, prefix, strlen(prefix)) == 0 ? stage->name + strlen(prefix) : stage->name;
}

static int check_common(void) {
    if (common.run_id && strlen(common.run_id) >= WIRE_RUN)
        return error(EXIT_USAGE, "--run-id: at most %d characters", WIRE_RUN - 1);
    for (size_t i = 0; i < common.record.count; i++)
        if (!strchr(common.record.item[i], '='))
            return error(EXIT_USAGE, "--record %s: it is EDGE=FILE", common.record.item[i]);
    if (common.run_dir && chdir(common.run_dir))
        return error(EXIT_USAGE, "--run-dir %s: %s", common.run_dir, strerror(errno));
    if (common.run_id) stage_identify(common.run_id, 0);
    return 0;
}

static struct hub *open_hub(const struct stage *stage) {
    const struct hub_config config = {
        .role = stage_role(stage),
        .rank = (int)common.rank,
        .run = life.run,
        .fingerprint = life.fingerprint,
        .peer_timeout = common.peer_timeout,
        .request_timeout = common.request_timeout,
        .stall_timeout = common.stall_timeout,
        .message_limit = common.message_limit,
        .keys = common.keys,
        .insecure = common.insecure,
        .record = &common.record,
    };
    return hub_new(&config);
}

static int leave_counters(const struct stage *stage, const struct hub *hub, double began) {
    const struct counters counters = {
        .role = stage_role(stage),
        .rank = (int)common.rank,
        .seconds = clock_seconds() - began,
        .hub = hub_counters(hub),
        .announced_memory = life.announced_memory,
    };
    return common.counters ? counters_append(common.counters, &counters) : 0;
}

static int run_hub(const struct stage *stage, int *signals, double began) {
    struct hub *hub = open_hub(stage);
    int fifo = -1, counted;
    hub_watch(hub, *signals, signal_arrived, signals);
    int status = watch_supervisor(hub, &fifo);
    if (status == 0) status = stage->run(hub);
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
    if (life.exit_signal) return 128 + life.exit_signal;
    return stage_stopping() ? 128 + signals_first() : 0;
}

// Messages of many megabytes come and go all the time. By default glibc gives such blocks back to the kernel at once,
// and faulting their pages in again costs more than twice what copying the bytes does.
static void keep_freed_blocks(void) {
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
}

static int run_stage(const struct stage *stage, const struct strings *operands) {
    double began = clock_seconds();
    int status = check_common();
    if (status) return status;
    int signals = signals_install();
    keep_freed_blocks();
    if (stage->prepare) status = stage->prepare(operands);
    if (!status) status = run_hub(stage, &signals, began);
    if (stage->close) stage->close();
    return status;
}

int stage_main(const struct stage *stage, int argc, char **argv) {
    const struct manual manual = {stage->name, stage->summary, stage->manual, stage->operands};
    struct arguments arguments;
    fail_name(stage->name);
    int status = arguments_read(&arguments, &manual, stage->tables, stage->table_count, &common_table, argc, argv);
    int code = status < 0 ? -status : 0;
    if (status == 0) code = exit_code(run_stage(stage, &arguments.operands));
    arguments_release(&arguments);
    return code;
}
