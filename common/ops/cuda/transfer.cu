// The way to the device: host memory passes through pinned chunks, so that the caller's buffer may be used again as
// soon as upload returns, while copies wait for their turn on the stream. (From memory that is not pinned CUDA would
// copy only while the caller waits.) The chunks go round in a ring: one is filled again once the event behind its last
// copy has come. Shared memory is on the device already.
#include <string.h>

#include "ops/cuda/device.cuh"

#define CHUNK ((size_t)4 << 20) // bytes
#define UP_CHUNKS 16            // uploads that may be under way
#define DOWN_CHUNKS 2
#define COPIERS 4 // threads that copy at most

struct chunk {
    char *bytes;
    cudaEvent_t done; // the last copy of it
};

struct cuda_staging {
    char *memory; // pinned
    struct chunk up[UP_CHUNKS], down[DOWN_CHUNKS];
    unsigned next;
    int copiers;
};

static void chunk_init(struct chunk *chunk, char *bytes) {
    chunk->bytes = bytes;
    CUDA_CHECK(cudaEventCreateWithFlags(&chunk->done, cudaEventDisableTiming));
}

static int copiers(int threads) {
    return threads < 4 ? 1 : threads < 4 * COPIERS ? threads / 4 : COPIERS;
}

// A quarter of `threads` copy: another stage has the same cores, and both compute on them beside.
struct cuda_staging *cuda_staging_new(int threads) {
    struct cuda_staging *staging = new cuda_staging();
    staging->copiers = copiers(threads);
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

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

#define PIECE ((size_t)512 << 10) // bytes that one thread copies

// One core copies at half the rate at which the bus moves.
static void copy_on_host(int copiers, void *to, const void *from, size_t bytes) {
    int pieces = (int)((bytes + PIECE - 1) / PIECE);
#pragma omp parallel for schedule(static) num_threads(copiers) if (pieces > 1 && copiers > 1)
    for (int i = 0; i < pieces; i++) {
        size_t at = (size_t)i * PIECE;
        memcpy((char *)to + at, (const char *)from + at, least(PIECE, bytes - at));
    }
}

static void send_up(struct cuda_staging *staging, cudaStream_t stream, void *device, const void *host, size_t bytes) {
    for (size_t at = 0; at < bytes; at += CHUNK) {
        size_t n = least(CHUNK, bytes - at);
        struct chunk *chunk = &staging->up[staging->next++ % UP_CHUNKS];
        CUDA_CHECK(cudaEventSynchronize(chunk->done));
        copy_on_host(staging->copiers, chunk->bytes, (const char *)host + at, n);
        CUDA_CHECK(cudaMemcpyAsync((char *)device + at, chunk->bytes, n, cudaMemcpyHostToDevice, stream));
        CUDA_CHECK(cudaEventRecord(chunk->done, stream));
    }
}

extern "C" void cuda_upload(struct ops *ops, void *device, const void *host, size_t bytes) {
    struct cuda_backend *cuda = cuda_of(ops);
    if (cuda_is_shared(cuda, host))
        cuda_copy(ops, device, host, bytes);
    else
        send_up(cuda->staging, cuda->stream, device, host, bytes);
}

static void take_down(struct cuda_backend *cuda, struct chunk *chunk, const char *device, size_t n) {
    CUDA_CHECK(cudaMemcpyAsync(chunk->bytes, device, n, cudaMemcpyDeviceToHost, cuda->stream));
    CUDA_CHECK(cudaEventRecord(chunk->done, cuda->stream));
}

// The copy of a chunk out of pinned memory overlaps the transfer of the next.
extern "C" void cuda_download(struct ops *ops, void *host, const void *device, size_t bytes) {
    struct cuda_backend *cuda = cuda_of(ops);
    if (cuda_is_shared(cuda, host)) {
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
        copy_on_host(cuda->staging->copiers, (char *)host + at, down[i % DOWN_CHUNKS].bytes, least(CHUNK, bytes - at));
    }
}

// ---- beside the operations

// Transfers beside the operations have a stream of their own, tied to the operations' by two events: `arrived` holds
// the operations at take_ahead until the bytes are there, and `taken` holds the next transfer until they have been
// copied on. So at most one is under way, and its memory is never read and written at once.
struct cuda_ahead {
    cudaStream_t stream;
    cudaEvent_t arrived, taken;
};

struct cuda_ahead *cuda_ahead_new(void) {
    struct cuda_ahead *ahead = new cuda_ahead();
    CUDA_CHECK(cudaStreamCreateWithFlags(&ahead->stream, cudaStreamNonBlocking));
    CUDA_CHECK(cudaEventCreateWithFlags(&ahead->arrived, cudaEventDisableTiming));
    CUDA_CHECK(cudaEventCreateWithFlags(&ahead->taken, cudaEventDisableTiming));
    return ahead;
}

void cuda_ahead_free(struct cuda_ahead *ahead) {
    cudaStreamSynchronize(ahead->stream);
    cudaEventDestroy(ahead->taken);
    cudaEventDestroy(ahead->arrived);
    cudaStreamDestroy(ahead->stream);
    delete ahead;
}

extern "C" void cuda_upload_ahead(struct ops *ops, void *device, const void *host, size_t bytes) {
    struct cuda_backend *cuda = cuda_of(ops);
    CUDA_CHECK(cudaStreamWaitEvent(cuda->ahead->stream, cuda->ahead->taken, 0));
    send_up(cuda->staging, cuda->ahead->stream, device, host, bytes);
    CUDA_CHECK(cudaEventRecord(cuda->ahead->arrived, cuda->ahead->stream));
}

extern "C" void cuda_take_ahead(struct ops *ops, void *to, const void *device, size_t bytes) {
    struct cuda_backend *cuda = cuda_of(ops);
    CUDA_CHECK(cudaStreamWaitEvent(cuda->stream, cuda->ahead->arrived, 0));
    cuda_copy(ops, to, device, bytes);
    CUDA_CHECK(cudaEventRecord(cuda->ahead->taken, cuda->stream));
}
