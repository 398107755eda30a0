#include "model/contrastive.h"

#include <math.h>
#include <stdlib.h>

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/arena.h"

#define BLOCK 512 // rows of the G×G matrix at a time

// One side lies whole on the backend, as the matrix that row blocks of the other side are multiplied with.
struct contrastive {
    struct ops *ops;
    int64_t G, E;
    real *whole;         // [G,E]
    real *rows, *d_rows; // [block,E]
    real *x;             // [block,G], cosines, then their gradient
    real *lse[2];        // [G], of image rows over texts and of text rows over images
    double *d_scale;
    real *host_lse[2];
    void *memory;
};

enum side { IMAGE, TEXT };

static int64_t block_rows(int64_t left) {
    return left < BLOCK ? left : BLOCK;
}

static void plan_memory(struct contrastive *state, struct arena *arena) {
    size_t G = (size_t)state->G, E = (size_t)state->E, block = (size_t)block_rows(state->G);
    state->whole = arena_take(arena, G * E * sizeof(real));
    state->rows = arena_take(arena, block * E * sizeof(real));
    state->d_rows = arena_take(arena, block * E * sizeof(real));
    state->x = arena_take(arena, block * G * sizeof(real));
    for (int side = 0; side < 2; side++) state->lse[side] = arena_take(arena, G * sizeof(real));
    state->d_scale = arena_take(arena, sizeof(double));
}

int64_t contrastive_bytes(int64_t G, int64_t E) {
    struct contrastive state = {.G = G, .E = E};
    struct arena arena;
    arena_begin(&arena, NULL, SIZE_MAX);
    plan_memory(&state, &arena);
    return (int64_t)arena.peak;
}

struct contrastive *contrastive_new(struct ops *ops, int64_t G, int64_t E) {
    if (ops->dtype != DT_REAL) bug("the contrastive loss computes in %s", dtype_name(DT_REAL));
    struct contrastive *state = xcalloc(1, sizeof *state);
    struct arena arena;
    size_t bytes = (size_t)contrastive_bytes(G, E);
    *state = (struct contrastive){.ops = ops, .G = G, .E = E, .memory = ops_allocate(ops, bytes)};
    arena_begin(&arena, state->memory, bytes);
    plan_memory(state, &arena);
    for (int side = 0; side < 2; side++) state->host_lse[side] = xmalloc((size_t)G * sizeof(real));
    return state;
}

void contrastive_free(struct contrastive **state) {
    if (!*state) return;
    for (int side = 0; side < 2; side++) free((*state)->host_lse[side]);
    ops_release((*state)->ops, (*state)->memory);
    free(*state);
    *state = NULL;
}

// The other side of the blocks that follow.
static void load_whole(struct contrastive *state, const float *embedding) {
    state->ops->upload(state->ops, state->whole, embedding, (size_t)(state->G * state->E) * sizeof(real));
    state->ops->weights_changed(state->ops);
}

// x[R,G] = cosines of R rows from `first` with the whole other side.
static void multiply_block(struct contrastive *state, const float *embedding, int64_t first, int64_t R) {
    struct ops *ops = state->ops;
    ops->upload(ops, state->rows, embedding + first * state->E, (size_t)(R * state->E) * sizeof(real));
    ops->linear_forward(ops, state->x, state->rows, state->whole, NULL, NULL,
                        (struct linear_shape){R, state->E, state->G, WEIGHT_OUT_IN});
}

static void row_denominators(struct contrastive *state, enum side side, const float *embedding, real scale) {
    for (int64_t first = 0; first < state->G; first += BLOCK) {
        int64_t R = block_rows(state->G - first);
        multiply_block(state, embedding, first, R);
        state->ops->row_logsumexp(state->ops, state->lse[side] + first, state->x, scale, R, state->G);
    }
}

// d[G,E] = g·whole by row blocks, with g the gradient of λL by the cosines; returns its derivative by the logarithm of
// the scale, which is Σ g·x and the same from either side.
static double gradient_of_side(struct contrastive *state, enum side side, const float *embedding, real scale,
                               real weight, float *d) {
    struct ops *ops = state->ops;
    double d_scale;
    ops->zero(ops, state->d_scale, sizeof d_scale);
    for (int64_t first = 0; first < state->G; first += BLOCK) {
        int64_t R = block_rows(state->G - first);
        multiply_block(state, embedding, first, R);
        ops->contrastive_gradient(ops, state->x, state->d_scale, state->lse[side] + first, state->lse[!side], scale,
                                  weight * scale, first, R, state->G);
        ops->linear_forward(ops, state->d_rows, state->x, state->whole, NULL, NULL,
                            (struct linear_shape){R, state->G, state->E, WEIGHT_IN_OUT});
        ops->download(ops, d + first * state->E, state->d_rows, (size_t)(R * state->E) * sizeof(real));
    }
    ops->download(ops, &d_scale, state->d_scale, sizeof d_scale);
    return d_scale;
}

// Σ_i of both −log softmax at the pairs.
static double sum_losses(struct contrastive *state, const float *image, const float *text, double scale) {
    double sum = 0;
    for (int side = 0; side < 2; side++)
        state->ops->download(state->ops, state->host_lse[side], state->lse[side], (size_t)state->G * sizeof(real));
    for (int64_t i = 0; i < state->G; i++) {
        double cosine = 0;
        for (int64_t e = i * state->E; e < (i + 1) * state->E; e++) cosine += (double)image[e] * text[e];
        sum += (double)state->host_lse[IMAGE][i] + (double)state->host_lse[TEXT][i] - 2 * scale * cosine;
    }
    return sum;
}

struct contrastive_result contrastive_run(struct contrastive *state, const float *image, const float *text,
                                          double logit_scale, double lambda, enum contrastive_convention convention,
                                          float *d_image, float *d_text) {
    struct contrastive_result result = {0};
    double scale = exp(logit_scale), mean = (convention == CONTRASTIVE_MEAN ? 0.5 : 1) / (double)state->G;
    load_whole(state, text);
    row_denominators(state, IMAGE, image, (real)scale);
    load_whole(state, image);
    row_denominators(state, TEXT, text, (real)scale);
    result.loss = mean * sum_losses(state, image, text, scale);
    if (!d_image) return result;
    gradient_of_side(state, TEXT, text, (real)scale, (real)(lambda * mean), d_text);
    load_whole(state, text);
    result.d_logit_scale = gradient_of_side(state, IMAGE, image, (real)scale, (real)(lambda * mean), d_image);
    return result;
}
