// What becomes of a CUDA call that fails once a run has begun: the process ends, since what was queued before the call
// is lost in any case. The checks of cuda.cuh and product_private.cuh lead here, from every file of the backend.
#include "ops/cuda/cuda.cuh"

[[noreturn]] void cuda_failed(const char *call, const char *file, int line, const char *reason) {
    die(EXIT_RUN, "CUDA: %s (%s:%d, %s)", reason, file, line, call);
}
