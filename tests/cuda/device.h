// The words of CUDA C++ for a C++ compiler, so that the CUDA backend's own sources run on a CPU: a kernel's threads are
// fibers that take turns, one block after the other. What a test sees of the backend here is what it computes, where it
// reads and writes (under the sanitizers), and what it waits for; nothing of how fast it is.
//
// This file is included before every source of the backend, after launches.pl has turned its launches into calls.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <math.h>
#include <string.h>

#include <functional>
#include <type_traits>

namespace stand_in {

constexpr int WARP = 32;
constexpr size_t WORD = 32; // bytes that a lane may show to its warp at once

struct place {
    uint3 thread, block;
    dim3 threads, blocks;
};
extern place now; // of the running thread

// Waits for all threads of the block that have not ended.
void wait_for_block();
// Shows bytes to the warp, waits for all its lanes, and returns what they showed, [WARP] of WORD bytes, which stays
// until the next call but one. A lane that has ended, or never comes, ends the process.
const char *show_to_warp(const void *bytes, size_t size);
// The block's shared memory of the size that the launch named.
char *shared_memory();

// Does it in the stream's turn, or keeps it for the graph that the stream captures.
void enqueue(cudaStream_t stream, std::function<void()> work);
void run_grid(dim3 blocks, dim3 threads, size_t shared, const std::function<void()> &thread);
void check_launch(dim3 blocks, dim3 threads, size_t shared);

template <typename Kernel> auto launch(dim3 blocks, dim3 threads, size_t shared, cudaStream_t stream, Kernel kernel) {
    return [=](auto... arguments) {
        check_launch(blocks, threads, shared);
        enqueue(stream, [=] { run_grid(blocks, threads, shared, [=] { kernel(arguments...); }); });
    };
}

template <typename T> T of_lane(const char *shown, int lane) {
    T x;
    memcpy(&x, shown + (size_t)lane * WORD, sizeof x);
    return x;
}

inline int lane() {
    return (int)((now.thread.x + now.threads.x * (now.thread.y + now.threads.y * now.thread.z)) % WARP);
}

template <typename T> T shuffle(T x, int from) {
    static_assert(sizeof x <= WORD, "too large for a shuffle");
    return of_lane<T>(show_to_warp(&x, sizeof x), from);
}

} // namespace stand_in

#undef __shared__
#define __shared__ static
#define __launch_bounds__(...)
#define threadIdx (stand_in::now.thread)
#define blockIdx (stand_in::now.block)
#define blockDim (stand_in::now.threads)
#define gridDim (stand_in::now.blocks)

inline void __syncthreads() {
    stand_in::wait_for_block();
}
inline void __syncwarp(unsigned = 0xffffffff) {
    char nothing = 0;
    stand_in::show_to_warp(&nothing, 1);
}
template <typename T> T __shfl_sync(unsigned, T x, int from) {
    return stand_in::shuffle(x, from % stand_in::WARP);
}
template <typename T> T __shfl_xor_sync(unsigned, T x, int mask) {
    return stand_in::shuffle(x, stand_in::lane() ^ mask);
}

template <typename... P>
cudaError_t cudaFuncSetAttribute(void (*kernel)(P...), enum cudaFuncAttribute name, int value) {
    return cudaFuncSetAttribute((const void *)kernel, name, value);
}

inline float __expf(float x) {
    return expf(x);
}
inline float rsqrtf(float x) {
    return 1 / sqrtf(x);
}
inline float __int_as_float(int x) {
    float y;
    memcpy(&y, &x, sizeof y);
    return y;
}
template <typename A, typename B> std::common_type_t<A, B> min(A a, B b) {
    return a < b ? a : b;
}
template <typename A, typename B> std::common_type_t<A, B> max(A a, B b) {
    return a > b ? a : b;
}
