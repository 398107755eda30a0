// Device memory, what other processes see of it, and the way to it: host memory passes through pinned chunks, so that
// the caller's buffer may be used again as soon as upload returns, while copies wait for their turn on the stream.
#include <cuda_fp16.h>
#include <omp.h>
#include <string.h>

#include "ops/cuda/device.cuh"

#define CHUNK ((size_t)4 << 20) // bytes
#define UP_CHUNKS 16            // uploads that may be under way
#define DOWN_CHUNKS 2

struct chunk {
    char *bytes;
    cudaEvent_t done; // the last copy of it
};

struct cuda_staging {
    char *memory; // pinned
    struct chunk up[UP_CHUNKS], down[DOWN_CHUNKS];
    int next;
};

static void chunk_init(struct chunk *chunk, char *bytes) {
    chunk->bytes = bytes;
    CUDA_CHECK(cudaEventCreateWithFlags(&chunk->done, cudaEventDisableTiming));
}

struct cuda_staging *cuda_staging_new(void) {
    struct cuda_staging *staging = new cuda_staging();
    CUDA_CHECK(cudaMallocHost((void **)&staging->memory, (UP_CHUNKS + DOWN_CHUNKS) * CHUNK));
    for (int i = 0; i < UP_CHUNKS; i++) chunk_init(&staging->up[i], staging->memory + i * CHUNK);
    for (int i = 0; i < DOWN_CHUNKS; i++) chunk_init(&staging->down[i], staging->memory + (UP_CHUNKS + i) * CHUNK);
    return staging;
}

void cuda_staging_free(struct cuda_staging *staging) {
    for (int i = 0; i < UP_CHUNKS; i++) cudaEventDestroy(staging->up[i].done);
    for (int i = 0; i < DOWN_CHUNKS; i++) cudaEventDestroy(staging->down[i].done);
    cudaFreeHost(staging->memory);
    delete staging;
}

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

void *cuda_scratch(struct cuda_backend *cuda, size_t bytes) {
    if (bytes <= cuda->scratch_bytes) return cuda->scratch;
    CUDA_CHECK(cudaStreamSynchronize(cuda->stream));
    CUDA_CHECK(cudaFree(cuda->scratch));
    cuda->scratch_bytes = (bytes + CHUNK - 1) / CHUNK * CHUNK;
    cuda->scratch_made++;
    return cuda->scratch = take(cuda, cuda->scratch_bytes);
}

// ---- memory that two processes have open

#define SHARED_UNIT ((size_t)2 << 20) // smaller ones share an allocation of the driver's, which the handle would name

struct cuda_handle {
    size_t bytes;
    cudaIpcMemHandle_t memory;
};
static_assert(sizeof(struct cuda_handle) <= SHARED_HANDLE, "a handle does not fit");

static bool is_shared(const struct cuda_backend *cuda, const void *pointer) {
    for (const struct shared_memory *memory : cuda->shared) {
        const char *begin = (const char *)memory->at;
        if ((const char *)pointer >= begin && (const char *)pointer < begin + memory->bytes) return true;
    }
    return false;
}

static bool reaches(const struct cuda_backend *cuda, int reader) {
    int can = reader == cuda->device;
    if (!can && cudaDeviceCanAccessPeer(&can, reader, cuda->device) != cudaSuccess) cudaGetLastError();
    return can;
}

extern "C" void cuda_share(struct ops *ops, struct shared_memory *memory, size_t bytes, int reader) {
    struct cuda_backend *cuda = cuda_of(ops);
    struct cuda_handle handle = {};
    *memory = {};
    if (!reaches(cuda, reader)) return;
    cuda_allocate(ops, &memory->at, (bytes + SHARED_UNIT - 1) / SHARED_UNIT * SHARED_UNIT);
    if (cudaIpcGetMemHandle(&handle.memory, memory->at) != cudaSuccess) {
        cudaGetLastError();
        cuda_release(ops, memory->at);
        memory->at = nullptr;
        return;
    }
    handle.bytes = memory->bytes = bytes;
    memcpy(memory->handle, &handle, sizeof handle);
    cuda->shared.push_back(memory);
}

extern "C" void cuda_open_shared(struct ops *ops, struct shared_memory *memory) {
    struct cuda_backend *cuda = cuda_of(ops);
    struct cuda_handle handle;
    memcpy(&handle, memory->handle, sizeof handle);
    memory->opened = true;
    memory->bytes = handle.bytes;
    if (cudaIpcOpenMemHandle(&memory->at, handle.memory, cudaIpcMemLazyEnablePeerAccess) == cudaSuccess) {
        cuda->shared.push_back(memory);
        return;
    }
    cudaGetLastError();
    memory->at = nullptr;
}

// What this process made stays until it ends: freeing what the other may still have open is undefined.
extern "C" void cuda_close_shared(struct ops *ops, struct shared_memory *memory) {
    struct cuda_backend *cuda = cuda_of(ops);
    if (!memory->at) return;
    CUDA_CHECK(cudaStreamSynchronize(cuda->stream));
    if (memory->opened) CUDA_CHECK(cudaIpcCloseMemHandle(memory->at));
    for (auto &one : cuda->shared)
        if (one == memory) one = cuda->shared.back();
    cuda->shared.pop_back();
    memory->at = nullptr;
}

// ---- transfers

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

#define PIECE ((size_t)512 << 10) // bytes that one thread copies
#define COPIERS 4                 // threads, where there are cores enough for two stages and more

// One core copies at half the rate at which the bus moves.
static void copy_on_host(void *to, const void *from, size_t bytes) {
    int pieces = (int)((bytes + PIECE - 1) / PIECE), spare = omp_get_num_procs() / 4;
#pragma omp parallel for schedule(static) num_threads(spare < COPIERS ? spare : COPIERS) if (pieces > 1 && spare > 1)
    for (int i = 0; i < pieces; i++) {
        size_t at = (size_t)i * PIECE;
        memcpy((char *)to + at, (const char *)from + at, least(PIECE, bytes - at));
    }
}

extern "C" void cuda_upload(struct ops *ops, void *device, const void *host, size_t bytes) {
    struct cuda_backend *cuda = cuda_of(ops);
    if (is_shared(cuda, host)) {
        cuda_copy(ops, device, host, bytes);
        return;
    }
    struct cuda_staging *staging = cuda->staging;
    for (size_t at = 0; at < bytes; at += CHUNK) {
        size_t n = least(CHUNK, bytes - at);
        struct chunk *chunk = &staging->up[staging->next++ % UP_CHUNKS];
        CUDA_CHECK(cudaEventSynchronize(chunk->done));
        copy_on_host(chunk->bytes, (const char *)host + at, n);
        CUDA_CHECK(cudaMemcpyAsync((char *)device + at, chunk->bytes, n, cudaMemcpyHostToDevice, cuda->stream));
        CUDA_CHECK(cudaEventRecord(chunk->done, cuda->stream));
    }
}

static void take_down(struct cuda_backend *cuda, struct chunk *chunk, const char *device, size_t n) {
    CUDA_CHECK(cudaMemcpyAsync(chunk->bytes, device, n, cudaMemcpyDeviceToHost, cuda->stream));
    CUDA_CHECK(cudaEventRecord(chunk->done, cuda->stream));
}

// The copy of a chunk out of pinned memory overlaps the transfer of the next.
extern "C" void cuda_download(struct ops *ops, void *host, const void *device, size_t bytes) {
    struct cuda_backend *cuda = cuda_of(ops);
    if (is_shared(cuda, host)) {
        cuda_copy(ops, host, device, bytes);
        cuda_finish(ops);
        return;
    }
    struct chunk *down = cuda->staging->down;
    if (bytes) take_down(cuda, &down[0], (const char *)device, least(CHUNK, bytes));
    for (size_t at = 0, i = 0; at < bytes; at += CHUNK, i++) {
        size_t next = at + CHUNK;
        if (next < bytes)
            take_down(cuda, &down[(i + 1) % DOWN_CHUNKS], (const char *)device + next, least(CHUNK, bytes - next));
        CUDA_CHECK(cudaEventSynchronize(down[i % DOWN_CHUNKS].done));
        copy_on_host((char *)host + at, down[i % DOWN_CHUNKS].bytes, least(CHUNK, bytes - at));
    }
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

// ---- conversion

static __device__ __forceinline__ double widen(double x) {
    return x;
}
static __device__ __forceinline__ float widen(float x) {
    return x;
}
static __device__ __forceinline__ float widen(bf16 x) {
    return __bfloat162float(x);
}
static __device__ __forceinline__ float widen(__half x) {
    return __half2float(x);
}
template <typename F> static __device__ __forceinline__ void narrow(double *to, F x) {
    *to = x;
}
template <typename F> static __device__ __forceinline__ void narrow(float *to, F x) {
    *to = (float)x;
}
template <typename F> static __device__ __forceinline__ void narrow(bf16 *to, F x) {
    *to = __float2bfloat16((float)x);
}
template <typename F> static __device__ __forceinline__ void narrow(__half *to, F x) {
    *to = __float2half((float)x);
}

template <typename To, typename From> static __global__ void convert_kernel(To *to, const From *from, int64_t n) {
    int64_t step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step) narrow(&to[i], widen(from[i]));
}

template <typename To, typename From>
static void convert_to(struct cuda_backend *cuda, To *to, const From *from, int64_t n) {
    unsigned blocks = cuda_blocks(n, 4 * 256), most = 16 * (unsigned)cuda->multiprocessors;
    if (blocks > most) blocks = most;
    convert_kernel<<<blocks, 256, 0, cuda->stream>>>(to, from, n);
    CUDA_LAUNCHED();
}

template <typename From>
static void convert_from(struct cuda_backend *cuda, void *to, enum dtype to_type, const From *from, int64_t n) {
    switch (to_type) {
    case DT_F64: convert_to(cuda, (double *)to, from, n); return;
    case DT_F32: convert_to(cuda, (float *)to, from, n); return;
    case DT_BF16: convert_to(cuda, (bf16 *)to, from, n); return;
    case DT_F16: convert_to(cuda, (__half *)to, from, n); return;
    default: bug("conversion to %s", dtype_name(to_type));
    }
}

extern "C" void cuda_convert(struct ops *ops, void *to, enum dtype to_type, const void *from, enum dtype from_type,
                             int64_t n) {
    struct cuda_backend *cuda = cuda_of(ops);
    if (!n) return;
    switch (from_type) {
    case DT_F64: convert_from(cuda, to, to_type, (const double *)from, n); return;
    case DT_F32: convert_from(cuda, to, to_type, (const float *)from, n); return;
    case DT_BF16: convert_from(cuda, to, to_type, (const bf16 *)from, n); return;
    case DT_F16: convert_from(cuda, to, to_type, (const __half *)from, n); return;
    default: bug("conversion from %s", dtype_name(from_type));
    }
}
