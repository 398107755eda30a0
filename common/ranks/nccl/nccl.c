// The binding of NCCL: grouped sends and receives on a stream of its own, whose last event says that all is done. The
// library is loaded when a rank asks for it: a machine without it says so.
#include <cuda_runtime.h>
#include <nccl.h>

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "ranks/devices.h"

#define LIBRARY "libnccl.so.2"

#define EACH_CALL(CALL)                                                                                                \
    CALL(ncclGetVersion)                                                                                               \
    CALL(ncclGetUniqueId)                                                                                              \
    CALL(ncclCommInitRank)                                                                                             \
    CALL(ncclCommDestroy)                                                                                              \
    CALL(ncclCommGetAsyncError)                                                                                        \
    CALL(ncclGetErrorString)                                                                                           \
    CALL(ncclGetLastError)                                                                                             \
    CALL(ncclGroupStart)                                                                                               \
    CALL(ncclGroupEnd)                                                                                                 \
    CALL(ncclSend)                                                                                                     \
    CALL(ncclRecv)

static struct {
#define CALL(name) __typeof__(name) *name;
    EACH_CALL(CALL)
#undef CALL
} nccl;

static struct {
    int device;
    ncclComm_t communicator;
    cudaStream_t stream;
    cudaEvent_t event; // behind the last group
    bool under_way;
} ours;

static bool holds(const void *memory);
static int begin(const struct ranks_piece *send, int sends, const struct ranks_piece *receive, int receives);
static int join(int device, const uint8_t *start, int rank, int ranks);
static int progress(bool *done);
static void leave(bool well);
static void offer(struct device_offer *offer, bool first);

__attribute__((visibility("default"))) struct device_transport coca_devices = {
    .size = DEVICES_SIZE,
    .name = "NCCL",
    .offer = offer,
    .join = join,
    .holds = holds,
    .begin = begin,
    .progress = progress,
    .leave = leave,
};

// ---- what a rank offers

// NULL, or what is wrong. C has no conversion from an object's address to a function's; POSIX says that they are alike.
static const char *find_calls(void *library) {
#define CALL(name)                                                                                                     \
    {                                                                                                                  \
        void *entry = dlsym(library, #name);                                                                           \
        if (!entry) return dlerror();                                                                                  \
        memcpy(&nccl.name, &entry, sizeof entry);                                                                      \
    }
    EACH_CALL(CALL)
#undef CALL
    return NULL;
}

static const char *find_gpu(struct device_offer *offer) {
    struct cudaDeviceProp properties;
    const cudaError_t reason = cudaGetDeviceProperties(&properties, offer->device);
    if (reason) return cudaGetErrorString(reason);
    _Static_assert(sizeof offer->gpu == sizeof properties.uuid, "a UUID");
    memcpy(offer->gpu, &properties.uuid, sizeof offer->gpu);
    return NULL;
}

static const char *make_start(struct device_offer *offer) {
    ncclUniqueId start;
    const ncclResult_t reason = nccl.ncclGetUniqueId(&start);
    if (reason) return nccl.ncclGetErrorString(reason);
    _Static_assert(sizeof offer->start == sizeof start, "NCCL's unique id");
    memcpy(offer->start, &start, sizeof start);
    return NULL;
}

static void offer(struct device_offer *offer, bool first) {
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    const char *reason = library ? find_calls(library) : dlerror(), *remedy = "";
    if (!library) remedy = "; name its folder in LD_LIBRARY_PATH";
    if (!reason) reason = find_gpu(offer);
    if (!reason && first) reason = make_start(offer);
    if (reason)
        snprintf(offer->reason, sizeof offer->reason, "%s%s", reason, remedy);
    else
        nccl.ncclGetVersion(&offer->version);
}

// ---- the job

static int failed_cuda(enum exit_code code, cudaError_t reason, const char *what) {
    return error(code, "%s, %s: %s", coca_devices.name, what, cudaGetErrorString(reason));
}

static int failed(enum exit_code code, ncclResult_t reason, const char *what) {
    return error(code, "%s, %s: %s (%s); NCCL_DEBUG=INFO tells more", coca_devices.name, what,
                 nccl.ncclGetErrorString(reason), nccl.ncclGetLastError(ours.communicator));
}

static int make_stream(void) {
    cudaError_t reason = cudaSetDevice(ours.device);
    if (!reason) reason = cudaStreamCreateWithFlags(&ours.stream, cudaStreamNonBlocking);
    if (!reason) reason = cudaEventCreateWithFlags(&ours.event, cudaEventDisableTiming);
    return reason ? failed_cuda(EXIT_RUN, reason, "a stream") : 0;
}

// NCCL connects two ranks when they first exchange something, and blocks for it: they do it at the start, all to all.
static int connect_all(int rank, int ranks) {
    char *bytes;
    cudaError_t reason = cudaMalloc((void **)&bytes, 2);
    if (reason) return failed_cuda(EXIT_RUN, reason, "memory");
    int status = 0;
    for (int distance = 1; distance < ranks && !status; distance++) {
        const struct ranks_piece send = {(rank + distance) % ranks, bytes, 1},
                                 receive = {(rank + ranks - distance) % ranks, bytes + 1, 1};
        status = begin(&send, 1, &receive, 1);
    }
    reason = status ? cudaSuccess : cudaStreamSynchronize(ours.stream);
    if (reason) status = failed_cuda(EXIT_RUN, reason, "the first exchange");
    ours.under_way = false;
    cudaFree(bytes);
    return status;
}

static void name_library(void) {
    int version = 0;
    nccl.ncclGetVersion(&version);
    snprintf(coca_devices.name, sizeof coca_devices.name, "NCCL %d.%d.%d", version / 10000, version / 100 % 100,
             version % 100);
}

static int join(int device, const uint8_t *start, int rank, int ranks) {
    ncclUniqueId id;
    memcpy(&id, start, sizeof id);
    name_library();
    ours.device = device;
    const int status = make_stream();
    if (status) return status;
    const ncclResult_t reason = nccl.ncclCommInitRank(&ours.communicator, ranks, id, rank);
    if (reason) return failed(EXIT_RUN, reason, "ncclCommInitRank");
    return connect_all(rank, ranks);
}

// A rank that leaves for an error waits for nobody.
static void leave(bool well) {
    if (!well) return;
    if (ours.under_way) bug("a rank leaves with an exchange under way");
    cudaSetDevice(ours.device);
    nccl.ncclCommDestroy(ours.communicator);
    cudaEventDestroy(ours.event);
    cudaStreamDestroy(ours.stream);
}

// ---- bytes

static bool holds(const void *memory) {
    struct cudaPointerAttributes attributes;
    if (cudaPointerGetAttributes(&attributes, memory)) {
        cudaGetLastError(); // host memory of an old driver: the error is not to be found by others
        return false;
    }
    return attributes.type == cudaMemoryTypeDevice;
}

static ncclResult_t issue_pieces(const struct ranks_piece *pieces, int count, bool send) {
    ncclResult_t reason = ncclSuccess;
    for (int i = 0; i < count && !reason; i++) {
        const struct ranks_piece *p = &pieces[i];
        if (!p->size) continue;
        reason = send ? nccl.ncclSend(p->bytes, p->size, ncclUint8, p->rank, ours.communicator, ours.stream)
                      : nccl.ncclRecv(p->bytes, p->size, ncclUint8, p->rank, ours.communicator, ours.stream);
    }
    return reason;
}

static ncclResult_t issue(const struct ranks_piece *send, int sends, const struct ranks_piece *receive, int receives) {
    ncclResult_t reason = nccl.ncclGroupStart();
    if (!reason) reason = issue_pieces(receive, receives, false);
    if (!reason) reason = issue_pieces(send, sends, true);
    const ncclResult_t end = nccl.ncclGroupEnd();
    return reason ? reason : end;
}

static int begin(const struct ranks_piece *send, int sends, const struct ranks_piece *receive, int receives) {
    cudaError_t status = cudaSetDevice(ours.device);
    if (status) return failed_cuda(EXIT_PEER, status, "cudaSetDevice");
    const ncclResult_t reason = issue(send, sends, receive, receives);
    if (reason) return failed(EXIT_PEER, reason, "a group");
    status = cudaEventRecord(ours.event, ours.stream);
    if (status) return failed_cuda(EXIT_PEER, status, "cudaEventRecord");
    ours.under_way = true;
    return 0;
}

// The event is that of the last group, and groups of a stream end in order.
static int progress(bool *done) {
    *done = !ours.under_way;
    if (*done) return 0;
    ncclResult_t lost = ncclSuccess;
    const ncclResult_t reason = nccl.ncclCommGetAsyncError(ours.communicator, &lost);
    if (reason || lost) return failed(EXIT_PEER, reason ? reason : lost, "a group");
    const cudaError_t status = cudaEventQuery(ours.event);
    if (status == cudaErrorNotReady) return 0;
    if (status) return failed_cuda(EXIT_PEER, status, "a group");
    ours.under_way = false;
    *done = true;
    return 0;
}
