// Operations kept as a CUDA graph. The first time they are issued one by one, which lets cuBLASLt's trials and scratch
// memory settle; the second time the stream records them; from then on a launch issues them all. Beyond a limit of
// memory they go on to be issued one by one.
#include "ops/cuda/device.cuh"

// An operation in a graph takes some 10 KiB of the device's memory.
#define OPERATIONS 24576              // that are kept at most, once so many are reached
#define LEFT_FREE ((size_t)512 << 20) // bytes

static bool there_is_room(const struct cuda_backend *cuda) {
    size_t left, all;
    CUDA_CHECK(cudaMemGetInfo(&left, &all));
    return cuda->graph_operations < OPERATIONS && left >= LEFT_FREE;
}

static void forget(struct cuda_backend *cuda, struct ops_graph *graph) {
    if (graph->kept) CUDA_CHECK(cudaGraphExecDestroy((cudaGraphExec_t)graph->kept));
    cuda->graph_operations -= graph->operations;
    *graph = {};
}

// A graph holds the addresses of its operations: with another key, or scratch memory made anew, it is forgotten, and
// has to be issued one by one and recorded again. The capture is thread-local: other threads may call what a capture
// forbids. A profile times operations one by one, so there are no graphs beside it.
extern "C" void cuda_graph_begin(struct ops *ops, struct ops_graph *graph, int64_t key, bool *issued) {
    struct cuda_backend *cuda = cuda_of(ops);
    *issued = false;
    if (ops->profile) return;
    if (graph->key != key || graph->made_for != cuda->scratch_made) forget(cuda, graph);
    graph->key = key;
    graph->made_for = cuda->scratch_made;
    if (graph->kept) {
        CUDA_CHECK(cudaGraphLaunch((cudaGraphExec_t)graph->kept, cuda->stream));
        *issued = true;
    } else if (graph->issued && there_is_room(cuda)) {
        CUDA_CHECK(cudaStreamBeginCapture(cuda->stream, cudaStreamCaptureModeThreadLocal));
        graph->recording = true;
    }
    graph->issued = true;
}

extern "C" void cuda_graph_end(struct ops *ops, struct ops_graph *graph) {
    struct cuda_backend *cuda = cuda_of(ops);
    cudaGraph_t recorded;
    cudaGraphExec_t kept;
    if (!graph->recording) return;
    graph->recording = false;
    CUDA_CHECK(cudaStreamEndCapture(cuda->stream, &recorded));
    CUDA_CHECK(cudaGraphGetNodes(recorded, nullptr, &graph->operations));
    cuda->graph_operations += graph->operations;
    CUDA_CHECK(cudaGraphInstantiate(&kept, recorded, 0));
    CUDA_CHECK(cudaGraphDestroy(recorded));
    CUDA_CHECK(cudaGraphLaunch(kept, cuda->stream));
    graph->kept = kept;
}

extern "C" void cuda_graph_release(struct ops *ops, struct ops_graph *graph) {
    CUDA_CHECK(cudaStreamSynchronize(cuda_of(ops)->stream));
    forget(cuda_of(ops), graph);
}
