#include "model/contrastive.h"

#include <math.h>
#include <stdlib.h>

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/arena.h"

#define TILE 1024 // rows and columns of the G×G matrix at a time

// A side's embeddings lie whole on the backend while row blocks of the other side are multiplied with them. A product's
// right operand is always `columns`: a backend that keeps a packed copy of it then keeps one tile and not G rows.
struct contrastive {
    struct ops *ops;
    int64_t G, E;
    real *whole;         // [G,E]
    real *columns;       // [tile,E]
    real *rows, *d_rows; // [tile,E]
    real *x;             // [tile,tile], cosines, then their gradient
    real *tile_lse;      // [tile]
    real *lse[2];        // [G], of image rows over texts and of text rows over images
    double *d_scale;
    double *host_lse[2]; // [G]
    real *host;          // [G]
    void *memory;
};

enum side { IMAGE, TEXT };

static int64_t tile_of(int64_t left) {
    return left < TILE ? left : TILE;
}

static void plan_memory(struct contrastive *state, struct arena *arena) {
    size_t G = (size_t)state->G, E = (size_t)state->E, tile = (size_t)tile_of(state->G);
    state->whole = arena_take(arena, G * E * sizeof(real));
    state->columns = arena_take(arena, tile * E * sizeof(real));
    state->rows = arena_take(arena, tile * E * sizeof(real));
    state->d_rows = arena_take(arena, tile * E * sizeof(real));
    state->x = arena_take(arena, tile * tile * sizeof(real));
    state->tile_lse = arena_take(arena, tile * sizeof(real));
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
    for (int side = 0; side < 2; side++) state->host_lse[side] = xcalloc((size_t)G, sizeof(double));
    state->host = xcalloc((size_t)G, sizeof *state->host);
    return state;
}

void contrastive_free(struct contrastive **state) {
    if (!*state) return;
    for (int side = 0; side < 2; side++) free((*state)->host_lse[side]);
    free((*state)->host);
    ops_release((*state)->ops, (*state)->memory);
    free(*state);
    *state = NULL;
}

static size_t row_bytes(const struct contrastive *state, int64_t rows) {
    return (size_t)(rows * state->E) * sizeof(real);
}

// The other side of the blocks that follow.
static void load_whole(struct contrastive *state, const float *embedding) {
    state->ops->upload(state->ops, state->whole, embedding, row_bytes(state, state->G));
}

static void load_rows(struct contrastive *state, const float *embedding, int64_t first, int64_t R) {
    state->ops->upload(state->ops, state->rows, embedding + first * state->E, row_bytes(state, R));
}

// x[R,C] = cosines of the R rows with columns from `column` on.
static void multiply_tile(struct contrastive *state, int64_t R, int64_t column, int64_t C) {
    struct ops *ops = state->ops;
    ops->copy(ops, state->columns, state->whole + column * state->E, row_bytes(state, C));
    ops->weights_changed(ops);
    ops->linear_forward(ops, state->x, state->rows, state->columns, NULL, NULL,
                        (struct linear_shape){R, state->E, C, WEIGHT_OUT_IN});
}

// lse ← log(exp(lse) + exp(more)) by row; the first tile has nothing to join.
static void join_denominators(double *lse, const real *more, int64_t R, bool first) {
    for (int64_t r = 0; r < R; r++) {
        double high = first ? more[r] : fmax(lse[r], more[r]);
        lse[r] = first ? high : high + log(exp(lse[r] - high) + exp(more[r] - high));
    }
}

static void row_denominators(struct contrastive *state, enum side side, const float *embedding, real scale) {
    struct ops *ops = state->ops;
    for (int64_t row = 0; row < state->G; row += TILE) {
        int64_t R = tile_of(state->G - row);
        load_rows(state, embedding, row, R);
        for (int64_t column = 0; column < state->G; column += TILE) {
            int64_t C = tile_of(state->G - column);
            multiply_tile(state, R, column, C);
            ops->row_logsumexp(ops, state->tile_lse, state->x, scale, R, C);
            ops->download(ops, state->host, state->tile_lse, (size_t)R * sizeof *state->host);
            join_denominators(state->host_lse[side] + row, state->host, R, column == 0);
        }
    }
    dtype_convert(state->host, DT_REAL, state->host_lse[side], DT_F64, (size_t)state->G);
    ops->upload(ops, state->lse[side], state->host, (size_t)state->G * sizeof *state->host);
}

// One tile of d_rows = g·columns, g the gradient of λL by the cosines.
static void gradient_of_tile(struct contrastive *state, enum side side, real scale, real weight, int64_t row, int64_t R,
                             int64_t column, int64_t C) {
    struct ops *ops = state->ops;
    multiply_tile(state, R, column, C);
    ops->contrastive_gradient(ops, state->x, state->d_scale, state->lse[side] + row, state->lse[!side] + column, scale,
                              weight * scale, row - column, R, C);
    ops->linear_forward(ops, state->d_rows, state->x, state->columns, NULL, column ? state->d_rows : NULL,
                        (struct linear_shape){R, C, state->E, WEIGHT_IN_OUT});
}

// d[G,E] = the gradient of λL by one side's embeddings; returns that by the logarithm of the scale, which is the same
// from either side.
static double gradient_of_side(struct contrastive *state, enum side side, const float *embedding, real scale,
                               real weight, float *d) {
    struct ops *ops = state->ops;
    double d_scale;
    ops->zero(ops, state->d_scale, sizeof d_scale);
    for (int64_t row = 0; row < state->G; row += TILE) {
        int64_t R = tile_of(state->G - row);
        load_rows(state, embedding, row, R);
        for (int64_t column = 0; column < state->G; column += TILE)
            gradient_of_tile(state, side, scale, weight, row, R, column, tile_of(state->G - column));
        ops->download(ops, d + row * state->E, state->d_rows, row_bytes(state, R));
    }
    ops->download(ops, &d_scale, state->d_scale, sizeof d_scale);
    return d_scale;
}

// Σ_i of both −log softmax at the pairs.
static double sum_losses(const struct contrastive *state, const float *image, const float *text, double scale) {
    double sum = 0;
    for (int64_t i = 0; i < state->G; i++) {
        double cosine = 0;
        for (int64_t e = i * state->E; e < (i + 1) * state->E; e++) cosine += (double)image[e] * text[e];
        sum += state->host_lse[IMAGE][i] + state->host_lse[TEXT][i] - 2 * scale * cosine;
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
