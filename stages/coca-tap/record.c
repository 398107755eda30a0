// coca-tap record: writes down what the workers of a pulled edge make, standing in for the consumer. What it asks for
// is source.c's, as for watch.
#include "stage/option_rows.h"
#include "stage/progress.h"
#include "tap.h"

static const char manual[] =
    "Stands in for the consumer at ADDRESS: workers that connect there are asked for --steps training steps of\n"
    "--batch-size samples in microbatches of --microbatch, or without --steps until their data end:\n"
    "  coca-decode ... --images ipc://x & coca-tap record --edge images --steps 3 --batch-size 32 \\\n"
    "      --microbatch 8 --out images.rec ipc://x";

struct record {
    const char *operand;
    char *out;
    struct source_options options;
    struct source source;
};

#define FIELD(member) offsetof(struct record, member)
static const struct option rows[] = {
    HEADING("Recording"),
    TEXT("out", out, "FILE", NULL, "the recording; - is stdout", OPTION_OUTPUT),
};

static int prepare(void *context, const struct strings *operands) {
    struct record *record = context;
    record->operand = only_operand(operands, "ADDRESS");
    if (!record->operand) return -EXIT_USAGE;
    return record->out ? 0 : error(EXIT_USAGE, "--out FILE is needed");
}

static int copy_all(struct source *source, struct recording *out) {
    struct progress *progress = progress_new("record", source_total(source), "messages");
    struct message *message;
    int status;
    for (int64_t count = 1; (status = source_next(source, &message)) == 0; count++) {
        status = recording_write(out, message);
        message_free(&message);
        if (status) break;
        progress_set(progress, count, NULL);
    }
    progress_done(&progress);
    return status;
}

// A recording that was ended by a signal is whole; one that failed stays cut.
static int write_all(struct record *record) {
    struct recording *out;
    int status = recording_create(&out, record->out);
    if (status) return status;
    status = copy_all(&record->source, out);
    if (status < 0) {
        recording_abandon(&out);
        return status;
    }
    int closed = recording_close(&out);
    return closed == RECORDING_BROKEN ? 0 : closed;
}

static int run(void *context, struct hub *hub) {
    struct record *record = context;
    int status = source_open(&record->source, &record->options, hub, record->operand);
    stage_ready();
    if (status == 0) status = write_all(record);
    source_close(&record->source);
    return status;
}

int record_main(const struct command *command, int argc, char **argv) {
    struct record record = {.out = NULL};
    struct option_table own = OPTION_TABLE(rows, &record), options = source_options_table(&record.options);
    struct option_table *const tables[] = {&own, &options, NULL};
    const struct stage stage = {.name = "coca-tap record",
                                .role = "tap",
                                .summary = command->summary,
                                .manual = manual,
                                .tables = tables,
                                .operands = "ADDRESS",
                                .context = &record,
                                .prepare = prepare,
                                .run = run};
    return stage_main(&stage, argc, argv);
}
