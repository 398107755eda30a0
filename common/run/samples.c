// Stages know nothing of a sample but its place; what identifies it travels along untouched, and loss compares it where
// two ways through the stages meet again.
#include "run/samples.h"

#include <inttypes.h>
#include <string.h>

#include "base/fail.h"

void tensor_pass(struct message *to, const struct message *from, const char *name) {
    const struct tensor *tensor = message_find(from, name);
    if (!tensor) return;
    memcpy(message_add(to, name, tensor->dtype, tensor->shape), tensor->data, (size_t)tensor_bytes(tensor));
}

void ids_pass(struct message *to, const struct message *from) {
    tensor_pass(to, from, TENSOR_IDS);
}

int ids_compare(const struct message *a, const struct message *b) {
    const struct tensor *one = message_find(a, TENSOR_IDS), *other = message_find(b, TENSOR_IDS);
    if (!one || !other) return 0;
    if (one->dtype == other->dtype && shape_equal(one->shape, other->shape) &&
        !memcmp(one->data, other->data, (size_t)tensor_bytes(one)))
        return 0;
    return error(EXIT_RUN,
                 "step %" PRId64 ", microbatch %d: %s and %s hold other samples (ids differ); do decode and tokenize "
                 "read the same --train-data with the same --seed?",
                 a->unit.step, a->unit.microbatch, a->from, b->from);
}
