// The CUDA runtime's calls on a CPU: two devices of one memory. Each stream is a thread that does what it is given in
// its order, so what the backend does not wait for comes late here too. Memory lies in files without a name, so that
// another process can open it as it would a device's.
//
// STAND_IN_MIB (4096) is how much a device has. At the end each process adds a line to the file STAND_IN_COUNTS: its
// name, allocations of device memory, work given to streams outside graphs, and graphs launched.
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

namespace {

constexpr int DEVICES = 2;
constexpr size_t PAGE = 4096;
constexpr unsigned char UNWRITTEN = 0xff; // numbers that are none

typedef std::function<void()> work;

cudaError_t last; // not of a thread: LeakSanitizer stumbles over such variables of objects that were loaded late

cudaError_t result(cudaError_t status) {
    if (status != cudaSuccess) last = status;
    return status;
}

struct counts {
    std::atomic<long> allocations, works, graphs;
    ~counts() {
        const char *path = getenv("STAND_IN_COUNTS");
        FILE *file = path ? fopen(path, "a") : nullptr;
        if (!file) return;
        fprintf(file, "%s %ld %ld %ld\n", program_invocation_short_name, (long)allocations, (long)works, (long)graphs);
        fclose(file);
    }
} counts;

double clock_milliseconds() {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

void short_sleep() {
    const struct timespec time = {0, 20000};
    nanosleep(&time, nullptr);
}

} // namespace

struct CUgraph_st {
    std::vector<work> nodes;
};
struct CUgraphExec_st {
    std::vector<work> nodes;
};

struct CUstream_st {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<work> queue;
    bool busy = false, closing = false;
    cudaGraph_t captured = nullptr;
    std::thread thread;

    CUstream_st() {
        thread = std::thread([this] { run(); });
    }
    ~CUstream_st() {
        {
            std::lock_guard<std::mutex> lock(mutex);
            closing = true;
        }
        changed.notify_all();
        thread.join();
    }
    void run() {
        std::unique_lock<std::mutex> lock(mutex);
        for (;;) {
            changed.wait(lock, [this] { return closing || !queue.empty(); });
            if (queue.empty()) return;
            work next = std::move(queue.front());
            queue.pop_front();
            busy = true;
            lock.unlock();
            next();
            lock.lock();
            busy = false;
            changed.notify_all();
        }
    }
    void add(work next) {
        {
            std::lock_guard<std::mutex> lock(mutex);
            queue.push_back(std::move(next));
        }
        changed.notify_all();
    }
    void finish() {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [this] { return queue.empty() && !busy; });
    }
};

// Lies in memory of a file, which another process may map too.
struct shared_event {
    std::atomic<uint64_t> recorded, done;
    std::atomic<double> when;
};
struct CUevent_st {
    shared_event *shared;
    int file;
};

namespace {

struct region {
    size_t bytes, mapped;
    int file;
    bool own; // else another process's
};
struct ipc {
    pid_t process;
    int file;
    size_t bytes;
};

std::mutex all;
std::map<char *, region> regions;
size_t used;

size_t limit() {
    const char *mib = getenv("STAND_IN_MIB");
    return (size_t)(mib ? atoll(mib) : 4096) << 20;
}

size_t pages(size_t bytes) {
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

CUstream_st *stream_of(cudaStream_t stream) {
    static CUstream_st *none = new CUstream_st();
    return stream ? stream : none;
}

void *map_file(int file, size_t bytes) {
    void *at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    return at == MAP_FAILED ? nullptr : at;
}

int new_file(size_t bytes) {
    int file = memfd_create("stand-in for CUDA", MFD_CLOEXEC);
    return file >= 0 && ftruncate(file, (off_t)bytes) == 0 ? file : -1;
}

int open_of_process(const ipc &of) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)of.process, of.file);
    return open(path, O_RDWR | O_CLOEXEC);
}

// Behind what was asked for nothing may be touched.
void *keep_region(int file, size_t bytes, bool own) {
    char *at = (char *)map_file(file, pages(bytes) + PAGE);
    if (!at) return nullptr;
    ASAN_POISON_MEMORY_REGION(at + bytes, pages(bytes) + PAGE - bytes);
    std::lock_guard<std::mutex> lock(all);
    regions[at] = {bytes, pages(bytes) + PAGE, file, own};
    return at;
}

cudaError_t drop_region(void *memory, bool own) {
    std::lock_guard<std::mutex> lock(all);
    auto found = regions.find((char *)memory);
    if (found == regions.end() || found->second.own != own) return result(cudaErrorInvalidValue);
    region &of = found->second;
    ASAN_UNPOISON_MEMORY_REGION((char *)memory, of.mapped);
    munmap(memory, of.mapped);
    close(of.file);
    if (own) used -= of.bytes;
    regions.erase(found);
    return cudaSuccess;
}

void synchronize_all();
bool any_captures();

} // namespace

namespace stand_in {

void enqueue(cudaStream_t stream, work next) {
    CUstream_st *to = stream_of(stream);
    if (to->captured) {
        to->captured->nodes.push_back(std::move(next));
    } else {
        counts.works++;
        to->add(std::move(next));
    }
}

} // namespace stand_in

extern "C" {

// ---- devices

cudaError_t cudaGetDeviceCount(int *count) {
    *count = DEVICES;
    return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
    return result(device >= 0 && device < DEVICES ? cudaSuccess : cudaErrorInvalidDevice);
}
cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr name, int) {
    switch (name) {
    case cudaDevAttrComputeCapabilityMajor: *value = 9; break;
    case cudaDevAttrComputeCapabilityMinor: *value = 0; break;
    case cudaDevAttrMultiProcessorCount: *value = 4; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = 227 << 10; break;
    default: return result(cudaErrorInvalidValue);
    }
    return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *of, int) {
    *of = {};
    snprintf(of->name, sizeof of->name, "stand-in");
    for (int i = 0; i < 16; i++) of->uuid.bytes[i] = (char)i;
    return cudaSuccess;
}
cudaError_t cudaDeviceCanAccessPeer(int *can, int, int) {
    *can = 1;
    return cudaSuccess;
}
cudaError_t cudaFuncSetAttribute(const void *, enum cudaFuncAttribute, int) {
    return cudaSuccess;
}

// ---- errors

cudaError_t cudaGetLastError(void) {
    cudaError_t status = last;
    last = cudaSuccess;
    return status;
}
const char *cudaGetErrorString(cudaError_t status) {
    return status == cudaErrorMemoryAllocation ? "out of memory" : "the stand-in refused a call";
}

// ---- memory

cudaError_t cudaMalloc(void **memory, size_t bytes) {
    if (any_captures()) return result(cudaErrorStreamCaptureUnsupported);
    counts.allocations++;
    {
        std::lock_guard<std::mutex> lock(all);
        if (used + bytes > limit()) return result(cudaErrorMemoryAllocation);
        used += bytes;
    }
    int file = new_file(pages(bytes) + PAGE);
    *memory = file < 0 ? nullptr : keep_region(file, bytes, true);
    if (*memory) memset(*memory, UNWRITTEN, bytes);
    return result(*memory ? cudaSuccess : cudaErrorMemoryAllocation);
}
cudaError_t cudaFree(void *memory) {
    if (any_captures()) return result(cudaErrorStreamCaptureUnsupported);
    synchronize_all();
    return memory ? drop_region(memory, true) : cudaSuccess;
}
cudaError_t cudaMallocHost(void **memory, size_t bytes) {
    if (!(*memory = malloc(bytes))) return result(cudaErrorMemoryAllocation);
    memset(*memory, UNWRITTEN, bytes); // pinned, so resident
    return cudaSuccess;
}
cudaError_t cudaFreeHost(void *memory) {
    free(memory);
    return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t *left, size_t *total) {
    std::lock_guard<std::mutex> lock(all);
    *total = limit();
    *left = *total - used;
    return cudaSuccess;
}
// A graph would copy what its host memory held when it was recorded.
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t stream) {
    if (stream_of(stream)->captured && kind != cudaMemcpyDeviceToDevice)
        return result(cudaErrorStreamCaptureUnsupported);
    stand_in::enqueue(stream, [=] { memcpy(to, from, bytes); });
    return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void *memory, int value, size_t bytes, cudaStream_t stream) {
    stand_in::enqueue(stream, [=] { memset(memory, value, bytes); });
    return cudaSuccess;
}

// ---- streams

static std::vector<CUstream_st *> streams;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
    *stream = new CUstream_st();
    std::lock_guard<std::mutex> lock(all);
    streams.push_back(*stream);
    return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    {
        std::lock_guard<std::mutex> lock(all);
        for (auto &one : streams)
            if (one == stream) {
                one = streams.back();
                streams.pop_back();
                break;
            }
    }
    delete stream;
    return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    if (stream_of(stream)->captured) return result(cudaErrorStreamCaptureUnsupported);
    stream_of(stream)->finish();
    return cudaSuccess;
}

// ---- events

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned) {
    int file = new_file(PAGE);
    shared_event *shared = file < 0 ? nullptr : (shared_event *)map_file(file, PAGE);
    if (!shared) return result(cudaErrorMemoryAllocation);
    *event = new CUevent_st{shared, file};
    return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t *event) {
    return cudaEventCreateWithFlags(event, 0);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
    synchronize_all();
    munmap(event->shared, PAGE);
    close(event->file);
    delete event;
    return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    uint64_t turn = ++event->shared->recorded;
    shared_event *shared = event->shared;
    stand_in::enqueue(stream, [=] {
        shared->when = clock_milliseconds();
        shared->done = turn;
    });
    return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
    return event->shared->done >= event->shared->recorded ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    uint64_t turn = event->shared->recorded;
    while (event->shared->done < turn) short_sleep();
    return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
    uint64_t turn = event->shared->recorded;
    shared_event *shared = event->shared;
    stand_in::enqueue(stream, [=] {
        while (shared->done < turn) short_sleep();
    });
    return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t begun, cudaEvent_t done) {
    *milliseconds = (float)(done->shared->when - begun->shared->when);
    return cudaSuccess;
}

// ---- graphs

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode) {
    stream->captured = new CUgraph_st();
    return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
    *graph = stream->captured;
    stream->captured = nullptr;
    return cudaSuccess;
}
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *, size_t *count) {
    *count = graph->nodes.size();
    return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long) {
    *exec = new CUgraphExec_st{graph->nodes};
    return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
    counts.graphs++;
    for (const work &node : exec->nodes) stream_of(stream)->add(node);
    return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
    synchronize_all();
    delete exec;
    return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}

// ---- between processes

static_assert(sizeof(ipc) <= sizeof(cudaIpcMemHandle_t) && sizeof(ipc) <= sizeof(cudaIpcEventHandle_t), "too large");

cudaError_t cudaIpcGetMemHandle(cudaIpcMemHandle_t *handle, void *memory) {
    std::lock_guard<std::mutex> lock(all);
    auto found = regions.find((char *)memory);
    if (found == regions.end()) return result(cudaErrorInvalidValue);
    const ipc of = {getpid(), found->second.file, found->second.bytes};
    memcpy((void *)handle, &of, sizeof of);
    return cudaSuccess;
}
cudaError_t cudaIpcOpenMemHandle(void **memory, cudaIpcMemHandle_t handle, unsigned) {
    ipc of;
    memcpy(&of, &handle, sizeof of);
    int file = open_of_process(of);
    *memory = file < 0 ? nullptr : keep_region(file, of.bytes, false);
    return result(*memory ? cudaSuccess : cudaErrorInvalidResourceHandle);
}
cudaError_t cudaIpcCloseMemHandle(void *memory) {
    synchronize_all();
    return drop_region(memory, false);
}
cudaError_t cudaIpcGetEventHandle(cudaIpcEventHandle_t *handle, cudaEvent_t event) {
    const ipc of = {getpid(), event->file, PAGE};
    memcpy((void *)handle, &of, sizeof of);
    return cudaSuccess;
}
cudaError_t cudaIpcOpenEventHandle(cudaEvent_t *event, cudaIpcEventHandle_t handle) {
    ipc of;
    memcpy(&of, &handle, sizeof of);
    int file = open_of_process(of);
    shared_event *shared = file < 0 ? nullptr : (shared_event *)map_file(file, PAGE);
    if (!shared) return result(cudaErrorInvalidResourceHandle);
    *event = new CUevent_st{shared, file};
    return cudaSuccess;
}

} // extern "C"

namespace {

void synchronize_all() {
    std::vector<CUstream_st *> of;
    {
        std::lock_guard<std::mutex> lock(all);
        of = streams;
    }
    for (CUstream_st *stream : of) stream->finish();
}

bool any_captures() {
    std::lock_guard<std::mutex> lock(all);
    for (CUstream_st *stream : streams)
        if (stream->captured) return true;
    return false;
}

} // namespace
