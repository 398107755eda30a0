// Attention over ragged rows, tile by tile, without a [queries,keys] matrix in memory (Dao et al. 2022,
// "FlashAttention"). bf16 goes through tensor cores (attention_tiles.cuh), f32 and very wide heads through plain
// arithmetic (attention_plain.cuh). In the backward pass every sum has one owner: there is one kernel for dq and one
// for dk and dv, or, where a block can hold all keys of a head, one for all three (attention_whole.cuh).
#include <limits.h>
#include <math.h>

#include "ops/cuda/attention_plain.cuh"
#include "ops/cuda/attention_tiles.cuh"
#include "ops/cuda/attention_whole.cuh"

#define ALONG_WARPS 8

// along = d_out·out by query and head: what softmax's gradient takes off. A warp for each, once, before the kernels for
// keys and for queries both want it.
template <typename T>
static __global__ void along_kernel(float *along, const T *d_out, const T *out, attention_shape shape) {
    int64_t at = (int64_t)blockIdx.x * ALONG_WARPS + threadIdx.x / WARP, per_sample = (int64_t)shape.q_max * shape.H;
    int lane = threadIdx.x % WARP, h = (int)(at % shape.H), i = (int)(at % per_sample / shape.H);
    if (at >= shape.B * per_sample) return;
    const attention_head head = head_of(shape, (int)(at / per_sample), h);
    if (i >= head.q_count) return;
    const T *x = out_rows(d_out, shape, head) + i * shape.out_stride,
            *y = out_rows(out, shape, head) + i * shape.out_stride;
    float sum = 0;
    for (int w = lane; w < shape.width; w += WARP) sum += as_float(x[w]) * as_float(y[w]);
    sum = warp_sum(sum);
    if (lane == 0) along[at] = sum;
}

template <typename T>
static float *find_along(struct cuda_backend *cuda, const T *d_out, const T *out, const attention_shape *shape) {
    int64_t count = (int64_t)shape->B * shape->q_max * shape->H;
    float *along = (float *)cuda_scratch(cuda, (size_t)count * sizeof(float));
    if (!count) return along;
    along_kernel<<<cuda_blocks(count, ALONG_WARPS), ALONG_WARPS * WARP, 0, cuda->stream>>>(along, d_out, out, *shape);
    CUDA_LAUNCHED();
    return along;
}

static float scale_of(const attention_shape *shape) {
    return 1 / sqrtf((float)shape->width);
}

static void check_width(const struct cuda_backend *cuda, const attention_shape *shape) {
    if (shape->width > PLAIN_WIDTH)
        die(EXIT_RUN, "--device cuda:%d: attention heads of %d elements; at most %d are built", cuda->device,
            shape->width, PLAIN_WIDTH);
}

// Whether every row of every head begins at 16 bytes, as cp.async and stores of whole words want it.
static bool pieces_align(const attention_shape *shape) {
    return shape->width % 8 == 0 && shape->q_stride % 8 == 0 && shape->kv_stride % 8 == 0 && shape->out_stride % 8 == 0;
}

// Calls FUNCTION<W>(...) with the width rounded up to 16.
#define TILE_WIDTHS(width, FUNCTION, ...)                                                                              \
    switch (((width) + 15) / 16) {                                                                                     \
    case 1: FUNCTION<16>(__VA_ARGS__); break;                                                                          \
    case 2: FUNCTION<32>(__VA_ARGS__); break;                                                                          \
    case 3: FUNCTION<48>(__VA_ARGS__); break;                                                                          \
    case 4: FUNCTION<64>(__VA_ARGS__); break;                                                                          \
    case 5: FUNCTION<80>(__VA_ARGS__); break;                                                                          \
    case 6: FUNCTION<96>(__VA_ARGS__); break;                                                                          \
    case 7: FUNCTION<112>(__VA_ARGS__); break;                                                                         \
    default: FUNCTION<128>(__VA_ARGS__); break;                                                                        \
    }

static void forward(struct cuda_backend *cuda, float *out, float *lse, const float *q, const float *k, const float *v,
                    const attention_shape *shape) {
    plain_forward(cuda, out, lse, q, k, v, shape, scale_of(shape));
}

static void forward(struct cuda_backend *cuda, bf16 *out, float *lse, const bf16 *q, const bf16 *k, const bf16 *v,
                    const attention_shape *shape) {
    bool aligned = pieces_align(shape) && aligned16(out) && aligned16(q) && aligned16(k) && aligned16(v);
    if (shape->width > 128) {
        plain_forward(cuda, out, lse, q, k, v, shape, scale_of(shape));
        return;
    }
    TILE_WIDTHS(shape->width, tile_forward, cuda, out, lse, q, k, v, shape, scale_of(shape), aligned)
}

extern "C" void cuda_attention_forward(struct ops *ops, void *out, float *lse, const void *q, const void *k,
                                       const void *v, const struct attention_shape *shape) {
    check_width(cuda_of(ops), shape);
    if (!shape->B || !shape->q_max) return;
    CUDA_COMPUTE_TYPE(ops, forward(cuda_of(ops), (T *)out, lse, (const T *)q, (const T *)k, (const T *)v, shape));
}

static void backward(struct cuda_backend *cuda, float *dq, float *dk, float *dv, const float *d_out, const float *q,
                     const float *k, const float *v, const float *lse, const float *along,
                     const attention_shape *shape) {
    plain_backward(cuda, dq, dk, dv, d_out, q, k, v, lse, along, shape, scale_of(shape));
}

// Whole heads by the fewest warps that have 32 keys each for all keys: the smaller a block, the more of them a
// multiprocessor holds. Longer heads go by tiles, whose two kernels compute every score twice.
template <int W>
static void tensor_backward(struct cuda_backend *cuda, const gradient_arrays &arrays, const attention_shape *shape,
                            float scale, bool aligned) {
    if constexpr (W <= WHOLE_WIDTH) {
        if (whole_fits<W, 2>(cuda, shape)) return whole_backward<W, 2>(cuda, arrays, shape, scale, aligned);
        if (whole_fits<W, 4>(cuda, shape)) return whole_backward<W, 4>(cuda, arrays, shape, scale, aligned);
        if (whole_fits<W, 8>(cuda, shape)) return whole_backward<W, 8>(cuda, arrays, shape, scale, aligned);
    }
    tile_backward<W>(cuda, arrays, shape, scale, aligned);
}

static void backward(struct cuda_backend *cuda, bf16 *dq, bf16 *dk, bf16 *dv, const bf16 *d_out, const bf16 *q,
                     const bf16 *k, const bf16 *v, const float *lse, const float *along, const attention_shape *shape) {
    const void *pieces[] = {dq, dk, dv, d_out, q, k, v};
    bool aligned = pieces_align(shape);
    for (const void *piece : pieces) aligned = aligned && aligned16(piece);
    if (shape->width > 128) {
        plain_backward(cuda, dq, dk, dv, d_out, q, k, v, lse, along, shape, scale_of(shape));
        return;
    }
    const gradient_arrays arrays = {dq, dk, dv, d_out, q, k, v, lse, along};
    TILE_WIDTHS(shape->width, tensor_backward, cuda, arrays, shape, scale_of(shape), aligned)
}

extern "C" void cuda_attention_backward(struct ops *ops, void *dq, void *dk, void *dv, const void *d_out, const void *q,
                                        const void *k, const void *v, const void *out, const float *lse,
                                        const struct attention_shape *shape) {
    struct cuda_backend *cuda = cuda_of(ops);
    check_width(cuda, shape);
    if (!shape->B || (!shape->q_max && !shape->k_max)) return;
    CUDA_COMPUTE_TYPE(ops,
                      (backward(cuda, (T *)dq, (T *)dk, (T *)dv, (const T *)d_out, (const T *)q, (const T *)k,
                                (const T *)v, lse, find_along(cuda, (const T *)d_out, (const T *)out, shape), shape)));
}
