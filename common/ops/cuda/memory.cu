// Device memory: the model's allocations, and the scratch memory of operations, which grows until every shape has been
// seen. Memory goes only when the stream has nothing queued, since operations that use it may not have run.
#include "ops/cuda/device.cuh"

#define SCRATCH_UNIT ((size_t)4 << 20) // bytes

// Device memory, its content undefined; ends the process, with the remedies, when there is none.
static void *take(struct cuda_backend *cuda, size_t bytes) {
    void *memory = nullptr;
    cudaError_t status = cudaMalloc(&memory, bytes);
    if (status == cudaErrorMemoryAllocation) {
        size_t left = 0, all = 0;
        cudaMemGetInfo(&left, &all);
        die(EXIT_RUN,
            "--device cuda:%d: %zu MiB are wanted in one piece, %zu of its %zu MiB are free; --recompute microbatch, a "
            "smaller --microbatch or --precision bf16 need less",
            cuda->device, bytes >> 20, left >> 20, all >> 20);
    }
    CUDA_CHECK(status);
    return memory;
}

extern "C" void cuda_allocate(struct ops *ops, void **memory, size_t bytes) {
    struct cuda_backend *cuda = cuda_of(ops);
    if (!bytes) bytes = 1;
    *memory = take(cuda, bytes);
    CUDA_CHECK(cudaMemsetAsync(*memory, 0, bytes, cuda->stream));
    CUDA_CHECK(cudaStreamSynchronize(cuda->stream));
}

extern "C" void cuda_release(struct ops *ops, void *memory) {
    CUDA_CHECK(cudaStreamSynchronize(cuda_of(ops)->stream));
    CUDA_CHECK(cudaFree(memory));
}

extern "C" void cuda_free_memory(struct ops *ops, int64_t *bytes) {
    size_t left, all;
    (void)ops;
    CUDA_CHECK(cudaMemGetInfo(&left, &all));
    *bytes = (int64_t)left;
}

// It never shrinks. Recorded graphs hold its address, which scratch_made tells to be stale. It comes in units of some
// MiB, so that shapes which grow little by little do not make it anew each time.
void *cuda_scratch(struct cuda_backend *cuda, size_t bytes) {
    if (bytes <= cuda->scratch_bytes) return cuda->scratch;
    CUDA_CHECK(cudaStreamSynchronize(cuda->stream));
    CUDA_CHECK(cudaFree(cuda->scratch));
    cuda->scratch_bytes = (bytes + SCRATCH_UNIT - 1) / SCRATCH_UNIT * SCRATCH_UNIT;
    cuda->scratch_made++;
    return cuda->scratch = take(cuda, cuda->scratch_bytes);
}

extern "C" void cuda_copy(struct ops *ops, void *to, const void *from, size_t bytes) {
    if (bytes) CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, cuda_of(ops)->stream));
}

extern "C" void cuda_zero(struct ops *ops, void *memory, size_t bytes) {
    if (bytes) CUDA_CHECK(cudaMemsetAsync(memory, 0, bytes, cuda_of(ops)->stream));
}

extern "C" void cuda_weights_changed(struct ops *ops) {
    (void)ops; // there are no copies of weights
}

extern "C" void cuda_finish(struct ops *ops) {
    CUDA_CHECK(cudaStreamSynchronize(cuda_of(ops)->stream));
}
