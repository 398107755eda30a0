// Every pass begins by checking what it was sent and ends by passing on what identifies the samples; both stand here
// once for all stages. What would be written and is not finite ends the stage, since nobody who reads it could tell
// why.
#include "train/outputs.h"

#include <inttypes.h>

#include "base/fail.h"

struct message *output_new(const struct work *work, const struct message *input) {
    struct message *message = message_new(MESSAGE_DATA, input->unit);
    message->microbatches = work->microbatches;
    ids_pass(message, input);
    tensor_pass(message, input, TENSOR_NAMES);
    if (!work->train) tensor_pass(message, input, TENSOR_DROPS);
    return message;
}

int output_not_finite(const struct message *output, const char *what) {
    const char *name = message_string(output, TENSOR_NAMES, 0);
    return error(
        EXIT_DATA,
        "microbatch %d (%d samples%s%s): NaN or infinite numbers in its %s, though the weights are finite; try "
        "--precision fp32, or other weights",
        output->unit.microbatch, output->unit.samples, name ? ", the first is " : "", name ? name : "", what);
}

int output_check_embedding(const struct work *work, const struct message *output) {
    const struct tensor *tensor = message_find(output, TENSOR_EMBEDDING);
    if (work->train || !tensor || dtype_finite(tensor->dtype, tensor->data, (size_t)shape_count(tensor->shape)))
        return 0;
    return output_not_finite(output, "embeddings");
}

int input_samples(const struct work *work, const struct message *input) {
    int32_t samples = input->unit.samples;
    if (samples <= work->B && (!work->train || samples == work->B)) return 0;
    return error(EXIT_USAGE, "step %" PRId64 ", microbatch %d has %d samples and --microbatch is %" PRId64, work->step,
                 work->microbatch, samples, work->B);
}

int input_tensor(const struct work *work, const struct message *input, const char *name, enum dtype dtype,
                 struct shape shape, const void **data) {
    *data = NULL;
    int status = input_samples(work, input);
    return status || !input->unit.samples ? status : message_tensor(input, name, dtype, shape, data);
}

int input_rows(const struct work *work, const struct message *input, const char *name, enum dtype dtype,
               struct shape shape, struct slot_reader *reader, const void **rows) {
    *rows = NULL;
    int status = input_samples(work, input);
    return status || !input->unit.samples ? status : slot_read(reader, input, name, dtype, shape, rows);
}

int report_loss(const struct channel *control, const struct stage_loss *loss, double sum, int64_t count,
                struct unit unit) {
    const struct loss_report report = {loss->name, sum, count};
    if (!control->edge) {
        note("step %" PRId64 ", microbatch %d: %s loss %.9g over %" PRId64 " %s", unit.step, unit.microbatch,
             loss->name, count ? sum / (double)count : 0, count, loss->count ? loss->count : "samples");
        return 0;
    }
    struct message *message = report_pack(&report, unit);
    return channel_send(control, 0, 0, &message);
}
