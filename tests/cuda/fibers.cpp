// The threads of a block: fibers that run until they wait for others. Blocks take turns in forward and in reverse order
// of threads, so that a missing wait shows in one of them.
#include "device.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "ops/cuda/ptx.cuh"

namespace stand_in {

place now;

namespace {

constexpr size_t STACK = 256 << 10;
constexpr unsigned MOST_THREADS = 1024;
constexpr size_t SHARED_LIMIT = 227 << 10;

enum state { READY, IN_WARP, IN_BLOCK, ENDED };

struct fiber {
    void *stack_pointer;
    state is;
    int shown; // how often it showed something
    std::vector<std::vector<copy>> copies;
};

struct warp {
    int lanes, waiting, ended;
    char shown[2][WARP * WORD];
};

struct block {
    std::vector<fiber> fibers;
    std::vector<warp> warps;
    unsigned alive, waiting, running;
    std::vector<char> shared;
    const std::function<void()> *thread;
    void *scheduler; // its stack pointer
};

block current;
std::mutex one_kernel; // shared memory is static

[[noreturn]] void refuse(const char *what) {
    fprintf(stderr, "stand-in for CUDA: %s (thread %u of block %u,%u,%u)\n", what, current.running, now.block.x,
            now.block.y, now.block.z);
    abort();
}

} // namespace

// Saves what a call must keep on the stack, leaves that stack at *from, and goes on where `to` was left.
extern "C" void stand_in_switch(void **from, void *to);
asm(R"(
.text
.type stand_in_switch, @function
stand_in_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size stand_in_switch, . - stand_in_switch
)");

namespace {

fiber &self() {
    return current.fibers[current.running];
}

void leave() {
    stand_in_switch(&self().stack_pointer, current.scheduler);
}

void release_block() {
    for (fiber &one : current.fibers)
        if (one.is == IN_BLOCK) one.is = READY;
    current.waiting = 0;
}

void end() {
    self().is = ENDED;
    current.warps[current.running / WARP].ended++;
    if (--current.alive && current.waiting == current.alive) release_block();
    leave();
}

void begin() {
    (*current.thread)();
    end();
}

// A fiber's stack, made once, as it is before `begin`.
void *fresh_stack(unsigned index) {
    static char *stacks;
    if (!stacks) {
        stacks = (char *)mmap(nullptr, STACK * MOST_THREADS, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (stacks == MAP_FAILED) refuse("no memory for stacks");
    }
    void **top = (void **)(stacks + STACK * (index + 1)) - 1; // `begin` finds the stack as after a call
    *top = nullptr;
    *--top = (void *)begin;
    for (int i = 0; i < 6; i++) *--top = nullptr; // registers
    return top;
}

uint3 thread_at(unsigned index, dim3 threads) {
    return {index % threads.x, index / threads.x % threads.y, index / threads.x / threads.y};
}

void resume(unsigned index) {
    current.running = index;
    now.thread = thread_at(index, now.threads);
    stand_in_switch(&current.scheduler, self().stack_pointer);
}

bool resume_ready(bool reverse) {
    unsigned count = (unsigned)current.fibers.size();
    bool progress = false;
    for (unsigned i = 0; i < count; i++) {
        unsigned index = reverse ? count - 1 - i : i;
        if (current.fibers[index].is != READY) continue;
        resume(index);
        progress = true;
    }
    return progress;
}

void run_block(dim3 threads, const std::function<void()> &thread, bool reverse) {
    unsigned count = threads.x * threads.y * threads.z;
    current.thread = &thread;
    current.alive = count;
    current.waiting = 0;
    current.warps.assign((count + WARP - 1) / WARP, {});
    current.fibers.resize(count);
    for (unsigned i = 0; i < count; i++) {
        current.warps[i / WARP].lanes++;
        current.fibers[i].is = READY;
        current.fibers[i].stack_pointer = fresh_stack(i);
        current.fibers[i].copies.clear();
    }
    std::fill(current.shared.begin(), current.shared.end(), (char)0xff); // numbers that are none
    while (current.alive)
        if (!resume_ready(reverse)) refuse("threads wait for each other");
}

} // namespace

void wait_for_block() {
    if (++current.waiting == current.alive) {
        release_block();
        return;
    }
    self().is = IN_BLOCK;
    leave();
}

const char *show_to_warp(const void *bytes, size_t size) {
    warp &mine = current.warps[current.running / WARP];
    char *shown = mine.shown[self().shown++ % 2];
    memcpy(shown + current.running % WARP * WORD, bytes, size);
    if (mine.ended || mine.lanes < WARP) refuse("a warp waits for a lane that has ended or never was");
    if (++mine.waiting < WARP) {
        self().is = IN_WARP;
        leave();
        return shown;
    }
    mine.waiting = 0;
    unsigned first = current.running / WARP * WARP;
    for (unsigned i = first; i < first + WARP; i++)
        if (current.fibers[i].is == IN_WARP) current.fibers[i].is = READY;
    return shown;
}

char *shared_memory() {
    return current.shared.data();
}

std::vector<std::vector<copy>> &copies_of_thread() {
    if (self().copies.empty()) self().copies.resize(1);
    return self().copies;
}

void check_launch(dim3 blocks, dim3 threads, size_t shared) {
    if (threads.x * threads.y * threads.z > MOST_THREADS || shared > SHARED_LIMIT || blocks.y > 65535 ||
        blocks.z > 65535 || !blocks.x || !blocks.y || !blocks.z || !threads.x)
        refuse("no device launches that");
}

void run_grid(dim3 blocks, dim3 threads, size_t shared, const std::function<void()> &thread) {
    std::lock_guard<std::mutex> lock(one_kernel);
    now.blocks = blocks;
    now.threads = threads;
    current.shared = std::vector<char>(shared);
    for (unsigned z = 0; z < blocks.z; z++)
        for (unsigned y = 0; y < blocks.y; y++)
            for (unsigned x = 0; x < blocks.x; x++) {
                now.block = {x, y, z};
                run_block(threads, thread, (x + y + z) % 2);
            }
}

} // namespace stand_in
