// --device reference: serial, slow, and what all other backends are held to by the tests. It is there for them and for
// whoever doubts a result; it computes in `real` alone, since rounding of activations is what others add to it.
#include "base/fail.h"
#include "ops/backend.h"
#include "ops/host_memory.h"
#include "ops/reference/reference.h"

static void close_reference(struct ops *ops) {
    (void)ops;
}

int reference_open(struct ops *ops, int index) {
    (void)index;
    if (ops->dtype != DT_REAL)
        return error(EXIT_USAGE, "--device reference computes in %s only; use --precision fp32", dtype_name(DT_REAL));
    ops->backend = "reference";
    ops->threads = 1;
    ops->close = close_reference;
#define OP(name, parameters, arguments) ops->name = reference_##name;
#define DEVICE_OP(name, parameters, arguments) ops->name = host_##name;
#include "ops/ops.def"
#undef OP
    return 0;
}
