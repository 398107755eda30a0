// Packing and unpacking of control messages. Fields have names, so that a peer of another version skips what it does
// not know; what must be there and is not is an error that names the sender. Values are checked where they are used as
// sizes: the rest of the program trusts them.
#include "train/protocol.h"

#include <inttypes.h>
#include <string.h>

#include "base/fail.h"

static struct message *control_message(const char *word, int64_t step) {
    return message_tell(word, (struct unit){.step = step, .microbatch = 0});
}

static int read_flag(const struct message *message, const char *name, bool *value) {
    int64_t integer = 0;
    int status = message_int(message, name, &integer);
    *value = integer != 0;
    return status;
}

#define STEP_RATE "lr"
#define STEP_STEPS "steps"
#define STEP_EVALUATE "evaluate"
#define STEP_DUMP "dump"

struct message *step_pack(const struct step_order *order) {
    struct message *message = control_message(WORD_STEP, order->step);
    message->unit.first = order->first;
    message->unit.samples = (int32_t)order->batch;
    message->microbatches = order->microbatches;
    message_set_real(message, STEP_RATE, order->lr);
    message_set_int(message, STEP_STEPS, order->steps);
    message_set_int(message, STEP_EVALUATE, order->evaluate);
    message_set_int(message, STEP_DUMP, order->dump);
    return message;
}

int step_unpack(const struct message *message, struct step_order *order) {
    *order = (struct step_order){.step = message->unit.step,
                                 .first = message->unit.first,
                                 .batch = message->unit.samples,
                                 .microbatches = message->microbatches};
    if (order->microbatches < 1 || order->batch < 1 || order->batch % order->microbatches)
        return error(EXIT_RUN, "%s: step %" PRId64 " has %" PRId64 " samples in %d microbatches", message->from,
                     order->step, order->batch, order->microbatches);
    int status = message_real(message, STEP_RATE, &order->lr);
    if (!status) status = message_int(message, STEP_STEPS, &order->steps);
    if (!status) status = read_flag(message, STEP_EVALUATE, &order->evaluate);
    return status ? status : read_flag(message, STEP_DUMP, &order->dump);
}

#define REPORT_NAME "name"
#define REPORT_SUM "sum"
#define REPORT_COUNT "count"

struct message *report_pack(const struct loss_report *report, struct unit unit) {
    struct message *message = message_tell(WORD_REPORT, unit);
    message_set_text(message, REPORT_NAME, report->name);
    message_set_real(message, REPORT_SUM, report->sum);
    message_set_int(message, REPORT_COUNT, report->count);
    return message;
}

int report_unpack(const struct message *message, struct loss_report *report) {
    *report = (struct loss_report){.name = message_text(message, REPORT_NAME)};
    int status = message_real(message, REPORT_SUM, &report->sum);
    return status ? status : message_int(message, REPORT_COUNT, &report->count);
}

#define NORM_SQUARES "squares"
#define NORM_BAD "bad"

struct message *norm_pack(const struct norm_report *report, int64_t step, const struct strings *drops) {
    struct message *message = control_message(WORD_NORM, step);
    message_set_real(message, NORM_SQUARES, report->squares);
    message_set_text(message, NORM_BAD, report->bad);
    if (drops && drops->count)
        message_add_strings(message, TENSOR_DROPS, (const char *const *)drops->item, (int)drops->count);
    return message;
}

int norm_unpack(const struct message *message, struct norm_report *report) {
    *report = (struct norm_report){0};
    strncat(report->bad, message_text(message, NORM_BAD), sizeof report->bad - 1);
    return message_real(message, NORM_SQUARES, &report->squares);
}

#define SCALE_CLIP "clip"
#define SCALE_NORM "norm"
#define SCALE_SKIP "skip"
#define SCALE_LAST "last"
#define SCALE_CHECKPOINT "checkpoint"

struct message *scale_pack(const struct scale_order *order, int64_t step) {
    struct message *message = control_message(WORD_SCALE, step);
    message_set_real(message, SCALE_CLIP, order->clip);
    message_set_real(message, SCALE_NORM, order->norm);
    message_set_int(message, SCALE_SKIP, order->skip);
    message_set_int(message, SCALE_LAST, order->last);
    message_set_int(message, SCALE_CHECKPOINT, order->checkpoint);
    return message;
}

static int read_place(const struct message *message, enum checkpoint_place *place) {
    int64_t integer = 0;
    int status = message_int(message, SCALE_CHECKPOINT, &integer);
    if (!status && (integer < 0 || integer >= CHECKPOINT_PLACES))
        return error(EXIT_RUN, "%s: asks for a checkpoint at place %" PRId64, message->from, integer);
    *place = (enum checkpoint_place)integer;
    return status;
}

int scale_unpack(const struct message *message, struct scale_order *order) {
    int status = message_real(message, SCALE_CLIP, &order->clip);
    if (!status) status = message_real(message, SCALE_NORM, &order->norm);
    if (!status) status = read_flag(message, SCALE_SKIP, &order->skip);
    if (!status) status = read_flag(message, SCALE_LAST, &order->last);
    return status ? status : read_place(message, &order->checkpoint);
}

#define DONE_FILES "files"
#define DONE_SIZES "sizes"
#define DONE_CHECKSUMS "checksums"

struct message *done_pack(const struct written *written, int64_t step) {
    struct message *message = control_message(WORD_DONE, step);
    if (!written->count) return message;
    const char *name[WRITTEN_FILES];
    int64_t *size = message_add(message, DONE_SIZES, DT_I64, SHAPE(written->count));
    int64_t *checksum = message_add(message, DONE_CHECKSUMS, DT_I64, SHAPE(written->count));
    for (int i = 0; i < written->count; i++) {
        name[i] = written->file[i].name;
        size[i] = written->file[i].size;
        checksum[i] = (int64_t)written->file[i].checksum;
    }
    message_add_strings(message, DONE_FILES, name, written->count);
    return message;
}

int done_unpack(const struct message *message, struct written *written) {
    *written = (struct written){0};
    const struct tensor *sizes = message_find(message, DONE_SIZES);
    if (!sizes) return 0;
    int capacity = WRITTEN_FILES;
    int64_t count = shape_count(sizes->shape);
    const void *size, *checksum;
    int status = message_tensor(message, DONE_SIZES, DT_I64, SHAPE(count), &size);
    if (!status) status = message_tensor(message, DONE_CHECKSUMS, DT_I64, SHAPE(count), &checksum);
    if (status) return status;
    for (int i = 0; i < count; i++) {
        const char *name = message_string(message, DONE_FILES, i);
        if (i == capacity || !name || !*name || strchr(name, '/') || strlen(name) >= sizeof written->file[i].name)
            return error(EXIT_RUN, "%s: step %" PRId64 " was done with files that cannot be: entry %d of %" PRId64,
                         message->from, message->unit.step, i, count);
        struct written_file *file = written_add(written, name);
        file->size = ((const int64_t *)size)[i];
        file->checksum = (uint64_t)((const int64_t *)checksum)[i];
    }
    return 0;
}

#define STOP_SIGNAL "signal"

struct message *stop_pack(int signal) {
    // Filed as step 0, whatever step is on its way: loss looks for any.
    struct message *message = control_message(WORD_STOP, 0);
    message_set_int(message, STOP_SIGNAL, signal);
    return message;
}

int stop_unpack(const struct message *message, int *signal) {
    int64_t number = 0;
    int status = message_int(message, STOP_SIGNAL, &number);
    if (!status && (number < 1 || number > 64))
        return error(EXIT_RUN, "%s: asks for a stop by signal %" PRId64, message->from, number);
    *signal = (int)number;
    return status;
}
