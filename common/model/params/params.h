// The parameters of one part of the model: a table of names and shapes, and one block each of f32 masters, gradients
// and, when the compute type is not f32, values in the compute type.
#pragma once

#include "model/params/layout.h"

struct params {
    struct ops *ops;
    const struct model_part *part;
    struct param *item;
    int count;
    int64_t elements;           // of one block, alignment included (the gaps are zero)
    int rank, ranks;            // of the stage
    int64_t own_elements;       // of a block that holds this rank's own tensors alone
    int64_t bytes, scales;      // of weights that are kept in int8 (params_layout_narrow), and of their outputs
    int groups, top;            // of its tower that a lock counts, and the number of its last layer (optim/tuning.h)
    uint64_t seed;              // of the initial values of tensors that a file lacks (params_load)
    int next_group, next_layer; // while it is laid out
    enum resample resample;     // how params_load makes grids of positions of another size
    real *master;               // [elements]
    struct narrow *narrow;      // weights of linear maps that are kept in bytes, or NULL: they are among the elements
    void *value;                // [elements] of ops->dtype; the masters themselves when that is DT_REAL
    real *gradient;             // [elements], NULL without training
    // Who wants to hear, in a backward pass, that the gradients of tensors first … first + count − 1 are final as far
    // as the pass goes; NULL: nobody.
    void (*final)(void *context, int first, int count);
    void *final_context;
};

// Where one parameter lies in the three blocks, as layers use it. With `scale` the value is int8 and belongs to a
// linear map (struct linear_shape); there are no masters then.
struct weight {
    void *value;
    real *master, *gradient;
    const real *scale;
};
struct weight weight_at(struct weight weight, enum dtype dtype, int64_t elements); // so many elements further on
// So many outputs further on, of a matrix whose rows are outputs of so many inputs.
struct weight weight_rows(struct weight weight, enum dtype dtype, int64_t rows, int64_t inputs);

// Lays out and allocates; contents are zero. `train` adds the gradient block.
struct params *params_new(struct ops *ops, const struct model_config *config, const struct model_part *part,
                          bool train);
// The same without training, with the weights of linear maps in int8 and a scale for each of their outputs: they are
// made so when their values come, and take a byte instead of the f32 and the compute type.
struct params *params_new_narrow(struct ops *ops, const struct model_config *config, const struct model_part *part);
void params_free(struct params **params);                                                            // a layout too
struct weight params_weight(const struct params *params, const char *format, ...) PRINTF_LIKE(2, 3); // bug() if none

// Those whose names begin with `prefix`, which lie side by side: *first and how many; bug() if none.
int params_span(const struct params *params, const char *prefix, int *first);
// Of a backward pass: calls `final`.
void params_final(const struct params *params, int first, int count);

// Initial values from (seed, tensor name) with open_clip's deviations; gradients become zero. In ops->threads threads.
void params_initialize(struct params *params, uint64_t seed);

// The same of one tensor, values alone.
void params_initialize_one(struct params *params, const struct param *param, uint64_t seed);

// Where a parameter's values are written on the device, f32 of its shape; when all are there params_settle makes of
// them what is kept. One parameter at a time.
real *params_destination(struct params *params, const struct param *param);
void params_settle(struct params *params, const struct param *param);

// The masters were written: renews the values in the compute type.
void params_refresh(struct params *params);
void params_zero_gradient(struct params *params);

// Reads masters (f32, f16 or bf16 inside) from files that hold at least these tensors. Position embeddings of another
// number of positions are resampled (model/params/positions.h), and missing tensors that may be absent
// (enum absence) start anew, with a note. Every other missing or misshapen tensor is listed in one error, -EXIT_USAGE.
// Numbers that are not finite are said with the first tensor that holds one: a warning with training, else -EXIT_DATA.
// With `known`, the `count` parts that such a file may hold, tensors that this part claims (part.h) and the model lacks
// are refused too; NULL: they are left alone.
int params_load(struct params *params, const struct safetensors *file, const char *path,
                const struct model_part *const *known, int count);

// Writes a block laid out as the params are (device pointer: masters, gradients, an average or an optimizer's moment)
// in f32 under the parameters' names. Checksum and size as safetensors_write.
int params_write(const struct params *params, const real *block, const char *path, uint64_t *checksum, int64_t *size);
