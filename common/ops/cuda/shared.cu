// Device memory that two processes have open, by CUDA's IPC handles: features go from stage to stage without a detour
// through the host, on one device or between two that see each other. Where they do not, share leaves no memory, and
// the caller finds another way. An error of these calls is an answer: it is taken out of CUDA's memory of errors, where
// the next check would find it.
#include <string.h>

#include "ops/cuda/device.cuh"

#define SHARED_UNIT ((size_t)2 << 20) // smaller ones share an allocation of the driver's, which the handle would name

struct cuda_handle {
    size_t bytes;
    cudaIpcMemHandle_t memory;
};
static_assert(sizeof(struct cuda_handle) <= SHARED_HANDLE, "a handle does not fit");

// There are few, so a walk will do. Transfers to and from shared memory are copies on the device.
bool cuda_is_shared(const struct cuda_backend *cuda, const void *pointer) {
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

// What this process made stays until it ends: freeing what the other may still have open is undefined. Closing what the
// other made may fail once that has ended, and then there is nothing left to close.
extern "C" void cuda_close_shared(struct ops *ops, struct shared_memory *memory) {
    struct cuda_backend *cuda = cuda_of(ops);
    if (!memory->at) return;
    CUDA_CHECK(cudaStreamSynchronize(cuda->stream));
    if (memory->opened && cudaIpcCloseMemHandle(memory->at) != cudaSuccess) cudaGetLastError();
    for (auto &one : cuda->shared)
        if (one == memory) one = cuda->shared.back();
    cuda->shared.pop_back();
    memory->at = nullptr;
}
