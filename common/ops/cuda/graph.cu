// Operations kept as a CUDA graph. The first time they are issued one by one, which lets cuBLASLt's trials and scratch
// memory settle; the second time the stream records them; from then on a launch issues them all. Where the device has
// little memory left they go on to be issued one by one.
#include "ops/cuda/device.cuh"

#define GRAPH_RESERVE                                                                                                  \
    ((size_t)512 << 20) // bytes of the device that graphs leave free; one takes some 10 KiB an operation

static bool there_is_memory(void) {
    size_t left, all;
    CUDA_CHECK(cudaMemGetInfo(&left, &all));
    return left >= GRAPH_RESERVE;
}

static void forget(struct ops_graph *graph) {
    if (graph->kept) CUDA_CHECK(cudaGraphExecDestroy((cudaGraphExec_t)graph->kept));
    *graph = {};
}

// A profile times operations one by one.
extern "C" void cuda_graph_begin(struct ops *ops, struct ops_graph *graph, int64_t key, bool *issued) {
    struct cuda_backend *cuda = cuda_of(ops);
    *issued = false;
    if (ops->profile) return;
    if (graph->key != key || graph->made_for != cuda->scratch_made) forget(graph);
    graph->key = key;
    graph->made_for = cuda->scratch_made;
    if (graph->kept) {
        CUDA_CHECK(cudaGraphLaunch((cudaGraphExec_t)graph->kept, cuda->stream));
        *issued = true;
    } else if (graph->issued && there_is_memory()) {
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
    CUDA_CHECK(cudaGraphInstantiate(&kept, recorded, 0));
    CUDA_CHECK(cudaGraphDestroy(recorded));
    CUDA_CHECK(cudaGraphLaunch(kept, cuda->stream));
    graph->kept = kept;
}

extern "C" void cuda_graph_release(struct ops *ops, struct ops_graph *graph) {
    CUDA_CHECK(cudaStreamSynchronize(cuda_of(ops)->stream));
    forget(graph);
}
