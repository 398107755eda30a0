// Opens the backend: what ops.c looks up in the shared object is cuda_backend_open. What can be wrong with a device is
// an error here, with a remedy, before a run has begun; later on a CUDA call that fails ends the process, since what
// was queued before it is lost in any case.
#include "ops/cuda/device.cuh"

extern "C" {
#include "ops/cuda_object.h"
}

struct cuda_staging *cuda_staging_new(int threads);
void cuda_staging_free(struct cuda_staging *staging);
struct cuda_ahead *cuda_ahead_new(void);
void cuda_ahead_free(struct cuda_ahead *ahead);
struct cuda_products *cuda_products_new(int device);
void cuda_products_free(struct cuda_products *products);

// What contexts, cuBLASLt, its workspace, scratch of the largest operations and graphs take, about.
#define OWN_BYTES ((int64_t)896 << 20)

// In the reverse order of making, once nothing is queued. Errors are passed over: the device may be what failed.
static void close_cuda(struct ops *ops) {
    struct cuda_backend *cuda = cuda_of(ops);
    cudaStreamSynchronize(cuda->stream);
    cuda_products_free(cuda->products);
    cuda_ahead_free(cuda->ahead);
    cuda_staging_free(cuda->staging);
    cudaFree(cuda->scratch);
    cudaStreamDestroy(cuda->stream);
    delete cuda;
}

static int attribute(int index, enum cudaDeviceAttr name) {
    int value;
    CUDA_CHECK(cudaDeviceGetAttribute(&value, name, index));
    return value;
}

// bf16 on tensor cores and copies beside the arithmetic begin with Ampere.
static int check_generation(int index) {
    int major = attribute(index, cudaDevAttrComputeCapabilityMajor);
    if (major >= 8) return 0;
    return error(EXIT_USAGE, "--device cuda:%d: its compute capability is %d.%d; 8.0 (Ampere) is the least", index,
                 major, attribute(index, cudaDevAttrComputeCapabilityMinor));
}

static int check_device(int index) {
    int count = 0;
    cudaError_t status = cudaGetDeviceCount(&count);
    if (status != cudaSuccess || !count)
        return error(EXIT_USAGE, "--device cuda:%d: %s; use --device cpu, or look at what nvidia-smi says", index,
                     status == cudaSuccess ? "there is no GPU" : cudaGetErrorString(status));
    if (index >= count)
        return error(EXIT_USAGE, "--device cuda:%d: there are %d GPUs, cuda:0 to cuda:%d", index, count, count - 1);
    status = cudaSetDevice(index);
    if (status == cudaSuccess) status = cudaFree(nullptr); // makes the context
    if (status != cudaSuccess) return error(EXIT_USAGE, "--device cuda:%d: %s", index, cudaGetErrorString(status));
    return check_generation(index);
}

extern "C" int cuda_backend_open(struct ops *ops, int index) {
    int status = check_device(index);
    if (status) return status;
    struct cuda_backend *cuda = new cuda_backend();
    cuda->device = index;
    cuda->multiprocessors = attribute(index, cudaDevAttrMultiProcessorCount);
    cuda->shared_limit = (size_t)attribute(index, cudaDevAttrMaxSharedMemoryPerBlockOptin);
    CUDA_CHECK(cudaStreamCreateWithFlags(&cuda->stream, cudaStreamNonBlocking));
    cuda->ahead = cuda_ahead_new();
    cuda->staging = cuda_staging_new(ops->threads);
    cuda->products = cuda_products_new(index);
    ops->backend = "cuda";
    ops->queued = true;
    ops->state = cuda;
    ops->close = close_cuda;
    ops->scratch_bytes = OWN_BYTES;
#define OP(name, parameters, arguments) ops->name = cuda_##name;
#include "ops/ops.def"
#undef OP
    return 0;
}

extern "C" const char *const cuda_backend_abi = cuda_object_signature;
extern "C" const size_t *const cuda_backend_sizes = cuda_object_sizes;
