// Numeric operations behind one table, so that the model is written once for every backend.
//
// All pointers given to an operation are memory of the backend (`allocate`), host memory for the CPU ones. Letters:
// R rows, D width, I and O input and output width of a linear map, B samples, H heads, V vocabulary, E embedding width.
// Activations and weights are `void *`: contiguous elements of the compute type `ops->dtype` (f32 or bf16). `real` is
// f32: LayerNorm statistics, softmax, losses, gradients of weights and optimizer state; the tests also compile the
// reference with real = double, and its activations are double then too.
// Output pointers come first, then inputs, then dimensions. "+=" accumulates into what is there, all else is
// overwritten. Results have the same bits for the same backend, shapes and thread count.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/dtype.h"

#ifdef COCA_REAL_DOUBLE
typedef double real;
#define DT_REAL DT_F64
#else
typedef float real;
#define DT_REAL DT_F32
#endif

// How a weight matrix lies: [O,I] as in torch.nn.Linear, or [I,O] as CLIP's `proj` and `text_projection`.
enum weight_layout { WEIGHT_OUT_IN, WEIGHT_IN_OUT };

// A linear map of R rows of I elements to R rows of O elements. With `scale` the weight is int8, and W is
// scale[o]·weight[o,i]; only forward passes have such weights, and a backend may round the rows' elements to 15 bits of
// the largest of 256 neighbours.
struct linear_shape {
    int64_t R, I, O;
    enum weight_layout layout;
    const real *scale; // [O], or NULL: the weight is of the compute type
};

// GELU is x·Φ(x) with the exact Φ (erf); QUICK_GELU is x·sigmoid(1.702x), as OpenAI's CLIP.
enum activation { ACTIVATION_GELU, ACTIVATION_QUICK_GELU };

// Attention of B independent samples over ragged rows. Sample b has queries in rows q_start[b] … + q_count[b] of q, its
// results in as many rows from out_start[b] of out, and keys in rows k_start[b] … + k_count[b] of k and v. Row r of q
// lies at q + r·q_stride elements, head h in elements h·width … of it. Causal lines up the last query with the last
// key: query i sees key j iff j <= i + k_count − q_count. A key whose key_valid is 0 is seen by nobody. A query that
// sees no key gets zeros. Samples may share rows of q; in the forward pass also rows of k and v.
struct attention_shape {
    int B, H, width;             // width of one head; scores are scaled by 1/sqrt(width)
    int64_t q_stride, kv_stride; // elements between rows of q (and dq), of k and v (and dk, dv)
    int64_t out_stride;          // of out (and d_out)
    int q_max, k_max;            // upper bounds of q_count and k_count
    bool causal;
    const int32_t *q_start, *q_count, *k_start, *k_count; // [B] each
    const int32_t *out_start;                             // [B] rows of out, d_out, lse and dq; NULL: q_start
    const uint8_t *key_valid;                             // by row of k, or NULL: all are valid
};

// Samples with at most so many queries may be attended by a kernel of its own, whose sums have other bits; they are the
// same for 1 to so many queries.
#define ATTENTION_FEW 8

#define LARGEST_COLUMNS 8 // at most

struct adamw_step {
    double lr, beta1, beta2, eps, weight_decay;
    double correction1, correction2; // 1 − β1^t, 1 − β2^t, t = number of this update, from 1
    double gradient_scale;           // the clip factor
};

// Adafactor as big_vision has it (Zhai et al. 2022, "Scaling Vision Transformers", section 3.4; optax
// scale_by_factored_rms, clipping by block RMS, momentum, decoupled decay).
struct adafactor_step {
    double lr, beta2, beta1, clip_threshold, weight_decay, gradient_scale;
    int64_t batch, rows, columns; // the gradient is [batch, rows, columns]; factored when `factored`
    bool factored;
    enum dtype momentum_dtype; // DT_REAL or DT_BF16
};

// Memory that two processes of one host have open; the struct stays in its place until it is closed.
#define SHARED_HANDLE 112
struct shared_memory {
    void *at; // NULL: it could not be had
    size_t bytes;
    bool opened;                         // another process made it
    unsigned char handle[SHARED_HANDLE]; // names it to the other process
};

// Operations that are issued with the same arguments again and again; begins as zeros. What a backend keeps to issue
// them all at once is its own.
struct ops_graph {
    int64_t key;
    bool issued; // since the key changed
    bool recording;
    void *kept;
    size_t operations; // kept
    uint64_t made_for; // state of the backend that it depends on
};

struct ops {
    const char *backend;            // "reference", "cpu", "cuda"
    enum dtype dtype;               // of activations and weights
    int threads;                    // of the host that it may keep busy, 1 or more
    bool queued;                    // calls return before operations are done: graphs and upload_ahead pay
    void *state;                    // the backend's own
    void (*close)(struct ops *ops); // releases state
    int64_t scratch_bytes;          // see ops_own_bytes
    int64_t copy_bytes;
    struct ops_profile *profile; // NULL until ops_profile_start
#define OP(name, parameters, arguments) void(*name) parameters;
#include "ops/ops.def"
#undef OP
};

// Opens a backend: device "cpu", "reference" or "cuda:N"; dtype DT_REAL or DT_BF16; threads 0 means all cores.
// 0, or -EXIT_USAGE with the remedy: a CPU without bf16, no such device, a build without CUDA.
int ops_open(struct ops **ops, const char *device, enum dtype dtype, int threads);
void ops_close(struct ops **ops);

// Whether the backend's memory is the host's.
bool ops_in_host_memory(struct ops *ops);

// Device memory; allocate zeroes and ends the process when there is none.
void *ops_allocate(struct ops *ops, size_t bytes);
void ops_release(struct ops *ops, void *memory);

// Which of the CPU's kernels compute in f32 or bf16 here: "v2", "v3", "v4" or "v4-pairs", on each of which sums are
// added up in an order of its own; "none" where bf16 is refused.
const char *ops_cpu_level(enum dtype dtype);

// Whether two values of --device name the same kind of backend; N of "cuda:N", else 0.
bool ops_same_backend(const char *device, const char *other);
int ops_device_index(const char *device);

// What the backend takes for itself: scratch_bytes, and copy_bytes for each of so many weights of linear maps in each
// direction in which they are used, the forward pass alone or, with train, the backward pass too. `narrow`: they are
// int8.
int64_t ops_own_bytes(const struct ops *ops, int64_t weights, bool narrow, bool train);

// Counts and times every operation from here on, and prints a table sorted by time to stderr.
void ops_profile_start(struct ops *ops);
void ops_profile_report(struct ops *ops, double elapsed_seconds);
