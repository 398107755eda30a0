// Adafactor as in big_vision (Zhai et al. 2022, section 3.4): second moments factored into rows and columns where a
// matrix is large enough, momentum in f32 or bf16, clipping of the update's root mean square, decoupled decay.
// A rule of optimizer.c: it says which tensors are factored and where their moments lie; the arithmetic is the
// operation's.
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "optim/optimizer_rule.h"

#define FACTORED_FROM 32   // both dimensions at least
#define DECAY_EXPONENT 0.8 // β2(t) = 1 − t^−0.8 …
#define CLIP_THRESHOLD 1.0
#define MOMENT_ALIGN 16 // elements

// How one own tensor's second moments lie in the block `moments`.
struct slot {
    int64_t batch, rows, columns;
    bool factored;
    int64_t row, column; // elements from the start
};

struct adafactor {
    char *momentum; // [params->own_elements] of f32 or bf16
    enum dtype momentum_dtype;
    real *moments;
    struct slot *slot; // [params->count], of which other ranks' take no room
};

static int64_t aligned(int64_t elements) {
    return (elements + MOMENT_ALIGN - 1) / MOMENT_ALIGN * MOMENT_ALIGN;
}

// The two largest dimensions are factored, where they are the last two; the operation knows no other matrices.
static bool is_factored(struct shape shape) {
    if (shape.rank < 2) return false;
    int64_t rows = shape.dim[shape.rank - 2], columns = shape.dim[shape.rank - 1];
    for (int i = 0; i < shape.rank - 2; i++)
        if (shape.dim[i] > rows || shape.dim[i] > columns) return false;
    return rows >= FACTORED_FROM && columns >= FACTORED_FROM;
}

static struct slot make_slot(const struct param *param, int64_t *used) {
    const struct shape shape = param->shape;
    struct slot slot = {.batch = 1, .rows = 1, .columns = shape_count(shape), .factored = is_factored(shape)};
    if (slot.factored) {
        slot.rows = shape.dim[shape.rank - 2];
        slot.columns = shape.dim[shape.rank - 1];
        slot.batch = shape_count(shape) / (slot.rows * slot.columns);
    }
    if (param->own < 0) return slot;
    slot.row = *used;
    *used += aligned(slot.batch * (slot.factored ? slot.rows : slot.columns));
    slot.column = *used;
    if (slot.factored) *used += aligned(slot.batch * slot.columns);
    return slot;
}

static enum dtype momentum_dtype(const struct optimizer_settings *settings) {
    return settings->bf16_momentum ? DT_BF16 : DT_REAL;
}

static int64_t adafactor_bytes(const struct params *params, const struct optimizer_settings *settings) {
    int64_t used = 0;
    for (int i = 0; i < params->count; i++) make_slot(&params->item[i], &used);
    return used * (int64_t)sizeof(real) + params->own_elements * (int64_t)dtype_size(momentum_dtype(settings));
}

static void *adafactor_new(struct params *params, const struct optimizer_settings *settings) {
    struct adafactor *adafactor = xcalloc(1, sizeof *adafactor);
    int64_t used = 0;
    adafactor->slot = xcalloc((size_t)params->count, sizeof *adafactor->slot);
    for (int i = 0; i < params->count; i++) adafactor->slot[i] = make_slot(&params->item[i], &used);
    adafactor->moments = ops_allocate(params->ops, (size_t)used * sizeof(real));
    adafactor->momentum_dtype = momentum_dtype(settings);
    adafactor->momentum =
        ops_allocate(params->ops, (size_t)params->own_elements * dtype_size(adafactor->momentum_dtype));
    return adafactor;
}

static void adafactor_free(void *rule, struct ops *ops) {
    struct adafactor *adafactor = rule;
    ops_release(ops, adafactor->momentum);
    ops_release(ops, adafactor->moments);
    free(adafactor->slot);
    free(adafactor);
}

static void *momentum_of(const struct adafactor *adafactor, const struct param *param) {
    return adafactor->momentum + param->own * (int64_t)dtype_size(adafactor->momentum_dtype);
}

static void adafactor_update(void *rule, struct params *params, const struct optimizer_settings *settings, double lr,
                             int64_t update, double gradient_scale) {
    struct adafactor *adafactor = rule;
    for (int i = 0; i < params->count; i++) {
        const struct param *param = &params->item[i];
        const struct slot *slot = &adafactor->slot[i];
        if (param->locked || param->own < 0) continue;
        struct adafactor_step step = {.lr = lr * param->rate,
                                      .beta1 = settings->beta1,
                                      .beta2 = fmin(settings->beta2, 1 - pow((double)update, -DECAY_EXPONENT)),
                                      .clip_threshold = CLIP_THRESHOLD,
                                      .weight_decay = param->decay ? settings->weight_decay : 0,
                                      .gradient_scale = gradient_scale,
                                      .batch = slot->batch,
                                      .rows = slot->rows,
                                      .columns = slot->columns,
                                      .factored = slot->factored,
                                      .momentum_dtype = adafactor->momentum_dtype};
        params->ops->adafactor(params->ops, params_master(params, param), momentum_of(adafactor, param),
                               adafactor->moments + slot->row, adafactor->moments + slot->column,
                               params->gradient + param->offset, &step);
    }
}

static void adafactor_state(void *rule, const struct params *params, struct state *state) {
    struct adafactor *adafactor = rule;
    for (int i = 0; i < params->count; i++) {
        const struct param *param = &params->item[i];
        const struct slot *slot = &adafactor->slot[i];
        int64_t row = slot->factored ? slot->rows : slot->columns;
        const bool own = param->own >= 0;
        state_add(state, param->name, ".momentum", adafactor->momentum_dtype, param->shape,
                  own ? momentum_of(adafactor, param) : NULL);
        state_add(state, param->name, ".row", DT_REAL, SHAPE(slot->batch, row),
                  own ? adafactor->moments + slot->row : NULL);
        if (slot->factored)
            state_add(state, param->name, ".column", DT_REAL, SHAPE(slot->batch, slot->columns),
                      own ? adafactor->moments + slot->column : NULL);
    }
}

const struct optimizer_rule adafactor_rule = {adafactor_new, adafactor_free, adafactor_update, adafactor_state,
                                              adafactor_bytes};
