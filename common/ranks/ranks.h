// The ranks of one stage: which one this process is, and bytes between them.
//
// A stage of R > 1 ranks is one job of an MPI launcher (mpirun, srun). MPI moves bytes and adds nothing up: all sums
// are the project's own kernels, in an order that does not depend on the library. Its bindings are shared objects, one
// for each kind of MPI, loaded when a second rank is asked for: one build runs under both kinds, and on machines
// without.
//
// One thread calls. Nothing here blocks but ranks_wait and what is built on it; these call back while they wait, so
// that sockets are served. A rank that is lost takes its job down (the launcher's manner), or the callback says so.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ranks;

// Joins a job of `expected` ranks. 1: no launcher is asked, no library loaded. 0; -EXIT_USAGE when this build lacks
// MPI, no launcher started this process, or it started another number of ranks, each with the remedy; -EXIT_RUN when
// MPI cannot start. *ranks NULL then. `stage` stands in errors.
int ranks_open(struct ranks **ranks, const char *stage, int expected);
// One of ranks that are not there, for what is worked out from their numbers alone; nothing can be exchanged.
struct ranks *ranks_imagine(int rank, int count);
// `well`: all ranks leave so, in step; else this process is about to leave for an error, and its job with it.
void ranks_close(struct ranks **ranks, bool well);

int ranks_rank(const struct ranks *ranks);              // 0 … count − 1
int ranks_count(const struct ranks *ranks);             // R
int ranks_place(const struct ranks *ranks);             // among those on this host, from 0: which of its GPUs
const char *ranks_transport(const struct ranks *ranks); // "Open MPI v4.1.4", …; "" of a single rank

// Whether pieces may be memory of GPUs, too, which NCCL then carries: when every rank has a CUDA device of its own and
// the library. All ranks call it, in the same place of their work and before anything is begun, with the index of the
// device that their backend has opened, or −1. *devices false: memory of a GPU goes through the host, and rank 0 notes
// why where a rank has a GPU; false of a single rank. 0; -EXIT_PEER; -EXIT_RUN when NCCL cannot start.
int ranks_use_devices(struct ranks *ranks, int device, bool *devices);

// Bytes for, or from, one other rank.
struct ranks_piece {
    int rank;
    void *bytes; // host memory, or that of this rank's GPU (ranks_use_devices); only read when it is sent
    size_t size; // the same at both ends; 0: nothing is sent
};
// Begins to send and to receive. Between two ranks pieces arrive in the order in which they were sent, and are received
// in the order in which they were begun. The memory is the caller's and stays as it is until all that was begun is
// done. 0 or -EXIT_PEER.
// Pieces of one call are all host memory, or all of the GPU, at both ends alike. On the GPU what was computed into them
// is finished, as the host sees it, and those of one call are one group, which ends as one: all ranks begin the same
// groups in the same order.
int ranks_begin(struct ranks *ranks, const struct ranks_piece *send, int sends, const struct ranks_piece *receive,
                int receives);
// Lets the library move bytes, and returns at once: between pieces of other work. *done: all that was begun. 0 or
// -EXIT_PEER.
int ranks_progress(struct ranks *ranks, bool *done);

// What a wait does in between, again and again: 0 goes on, anything else ends the wait and is what it returns.
struct ranks_meanwhile {
    int (*look)(void *context); // NULL: nothing
    void *context;
};
// Waits until all that was begun is done. 0, -EXIT_PEER, or what `look` returned.
int ranks_wait(struct ranks *ranks, struct ranks_meanwhile meanwhile);
// all[R] of `size` bytes each: every rank's `own`, in their order. Every rank calls it, in the same place of its work.
// 0, or as ranks_wait.
int ranks_collect(struct ranks *ranks, const void *own, void *all, size_t size, struct ranks_meanwhile meanwhile);

struct ranks_counters {
    int64_t bytes_out, bytes_in, messages_out, messages_in; // to and from other ranks
    double waiting;                                         // seconds in ranks_wait
};
struct ranks_counters ranks_counters(const struct ranks *ranks);
