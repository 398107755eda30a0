// What the files of the CUDA backend share. Everything but upload_ahead runs on one stream, in the order of the calls;
// only download and finish wait for it. Results have the same bits for the same shapes: no atomics on floats, sums in a
// fixed order.
#pragma once

#include <cublasLt.h>
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <vector>

#define _Noreturn [[noreturn]] // C's word, in headers of C

extern "C" {
#include "base/fail.h"
#include "ops/ops.h"
}

struct cuda_staging;  // transfer.cu: pinned host memory on the way to the device
struct cuda_ahead;    // transfer.cu: transfers beside the operations
struct cuda_products; // product.cu: cuBLASLt and the algorithms chosen

struct cuda_backend {
    int device;
    cudaStream_t stream;
    int multiprocessors;
    size_t shared_limit; // bytes of shared memory that a block may ask for
    void *scratch;
    size_t scratch_bytes;
    uint64_t scratch_made;   // how often: graphs hold its address
    size_t graph_operations; // in all graphs that are kept
    struct cuda_staging *staging;
    struct cuda_ahead *ahead;
    std::vector<const struct shared_memory *> shared; // open now
    struct cuda_products *products;
};

#define OP(name, parameters, arguments) extern "C" void cuda_##name parameters;
#include "ops/ops.def"
#undef OP

static inline struct cuda_backend *cuda_of(struct ops *ops) {
    return (struct cuda_backend *)ops->state;
}

// Ends the process with EXIT_RUN, naming the call, its place and what CUDA says of it.
[[noreturn]] void cuda_failed(const char *call, const char *file, int line, const char *reason);

#define CUDA_CHECK(call)                                                                                               \
    do {                                                                                                               \
        cudaError_t status_ = (call);                                                                                  \
        if (status_ != cudaSuccess) cuda_failed(#call, __FILE__, __LINE__, cudaGetErrorString(status_));               \
    } while (0)

// After a kernel launch.
#define CUDA_LAUNCHED() CUDA_CHECK(cudaGetLastError())

// Device memory for one operation, its content undefined, until the next call. It grows to the largest that was asked
// for.
void *cuda_scratch(struct cuda_backend *cuda, size_t bytes);

// Whether it points into memory of share or open_shared.
bool cuda_is_shared(const struct cuda_backend *cuda, const void *pointer);

static inline unsigned cuda_blocks(int64_t n, int64_t each) {
    return (unsigned)((n + each - 1) / each);
}

// Runs the statement with T the compute type: float or __nv_bfloat16.
#define CUDA_COMPUTE_TYPE(ops, ...)                                                                                    \
    do {                                                                                                               \
        if ((ops)->dtype == DT_BF16) {                                                                                 \
            typedef __nv_bfloat16 T;                                                                                   \
            __VA_ARGS__;                                                                                               \
        } else {                                                                                                       \
            typedef float T;                                                                                           \
            __VA_ARGS__;                                                                                               \
        }                                                                                                              \
    } while (0)
