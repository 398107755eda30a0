// coca-tap watch: a line on stdout for each message, while they come: lines are flushed one by one. A FIFO that a
// running stage records to can be read so. Values that are not finite are counted and kept out of the mean, which they
// would spoil.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

#include "tap.h"

static const char manual[] =
    "Reads a recording (FILE, file:FILE or -), or stands in for the consumer of a pulled edge at ADDRESS\n"
    "(ipc://PATH or tcp://HOST:PORT) and asks the workers that connect there. Each line names kind, step,\n"
    "microbatch, sender, first sample and number of samples, fields, and each tensor with type, shape and\n"
    "the least, mean and largest of its finite values.";

struct watch {
    const char *operand;
    struct source_options options;
};

static int prepare(void *context, const struct strings *operands) {
    struct watch *watch = context;
    watch->operand = only_operand(operands, "FILE, ADDRESS or -");
    return watch->operand ? 0 : -EXIT_USAGE;
}

// In double, over all elements: a column that is wrong in one place shows in the extremes.
static void add_statistics(struct buffer *line, const struct tensor *tensor) {
    double least = INFINITY, most = -INFINITY, sum = 0;
    int64_t count = shape_count(tensor->shape), odd = 0;
    for (int64_t i = 0; i < count; i++) {
        double value = tensor_value(tensor, i);
        if (!isfinite(value)) {
            odd++;
            continue;
        }
        least = fmin(least, value);
        most = fmax(most, value);
        sum += value;
    }
    if (count > odd) buffer_format(line, " min %.6g mean %.6g max %.6g", least, sum / (double)(count - odd), most);
    if (odd) buffer_format(line, " not finite %" PRId64, odd);
}

// First what tells the message, then what is in it, in the order it has there.
static void add_message(struct buffer *line, const struct message *message) {
    char shape[SHAPE_TEXT];
    buffer_format(line, "%s (%" PRId64 ", %d) from %s %d, samples %" PRId64 " + %d", message_name(message),
                  message->unit.step, message->unit.microbatch, message->from, message->rank, message->unit.first,
                  message->unit.samples);
    for (int i = 0; i < message->field_count; i++) {
        buffer_text(line, ", ");
        field_format(line, &message->field[i]);
    }
    for (int i = 0; i < message->tensor_count; i++) {
        const struct tensor *tensor = &message->tensor[i];
        buffer_format(line, ", %s %s %s", tensor->name, dtype_name(tensor->dtype), shape_format(tensor->shape, shape));
        add_statistics(line, tensor);
    }
}

static int print(const struct message *message) {
    struct buffer line = {0};
    add_message(&line, message);
    printf("%.*s\n", (int)text_clean_here(line.bytes, line.size), line.bytes);
    buffer_release(&line);
    return fflush(stdout) == EOF ? HUB_END : 0; // its reader has seen enough
}

static int run(void *context, struct hub *hub) {
    const struct watch *watch = context;
    struct source source;
    struct message *message;
    int status = source_open(&source, &watch->options, hub, watch->operand);
    stage_ready();
    while (status == 0 && (status = source_next(&source, &message)) == 0) {
        status = print(message);
        message_free(&message);
    }
    source_close(&source);
    return status;
}

int watch_main(const struct command *command, int argc, char **argv) {
    struct watch watch = {.operand = NULL};
    struct option_table options = source_options_table(&watch.options);
    struct option_table *const tables[] = {&options, NULL};
    const struct stage stage = {.name = "coca-tap watch",
                                .role = "tap",
                                .summary = command->summary,
                                .manual = manual,
                                .tables = tables,
                                .operands = "FILE|ADDRESS|-",
                                .context = &watch,
                                .prepare = prepare,
                                .run = run};
    return stage_main(&stage, argc, argv);
}
