// coca-tap record: writes down what the workers of a pulled edge make, by standing in for their consumer. Recordings
// are how a stage is fed without the ones before it, again and again the same.
#include "stage/progress.h"
#include "tap.h"

static struct { char *out; } settings;
static const char *operand;

static const struct option rows[] = {
    {.help = "Recording"},
    {"out", OPTION_TEXT, 0, "FILE", NULL, 0, 0, "the recording; - is stdout", 0},
};
static struct option_table tables[] = {{rows, COUNT(rows), &settings, NULL},
                                       {source_rows, SOURCE_ROWS, &source_settings, NULL}};

static int prepare(const struct strings *operands) {
    operand = only_operand(operands, "ADDRESS");
    if (!operand) return -EXIT_USAGE;
    return settings.out ? 0 : error(EXIT_USAGE, "--out FILE is needed");
}

static int copy_all(struct recording *out) {
    struct progress *progress = progress_new("record", source_total(), "messages");
    struct message *message;
    int status;
    for (int64_t count = 1; (status = source_next(&message)) == 0; count++) {
        status = recording_write(out, message);
        message_free(&message);
        if (status) break;
        progress_set(progress, count, NULL);
    }
    progress_done(&progress);
    return status;
}

// A recording that was ended by a signal is whole; one that failed stays cut.
static int record(struct hub *hub) {
    struct recording *out;
    int status = source_open(hub, operand);
    stage_ready();
    if (status == 0) status = recording_create(&out, settings.out);
    if (status) return status;
    status = copy_all(out);
    if (status < 0) {
        recording_abandon(&out);
        return status;
    }
    int closed = recording_close(&out);
    return closed == RECORDING_BROKEN ? 0 : closed;
}

const struct stage record_stage = {
    .name = "coca-tap record",
    .role = "tap",
    .summary = "asks the workers of a pulled edge and writes what they answer to a file",
    .manual =
        "Stands in for the consumer at ADDRESS: workers that connect there are asked for --steps training steps of\n"
        "--batch-size samples in microbatches of --microbatch, or without --steps until their data end:\n"
        "  coca-decode ... --images ipc://x & coca-tap record --edge images --steps 3 --batch-size 32 \\\n"
        "      --microbatch 8 --out images.rec ipc://x",
    .tables = tables,
    .table_count = COUNT(tables),
    .operands = "ADDRESS",
    .prepare = prepare,
    .run = record,
};
