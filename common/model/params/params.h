// The parameters of one part of the model: a table of names and shapes, and one block each of f32 masters, gradients
// and, when the compute type is not f32, values in the compute type.
//
// Ranks of a stage have all values and gradients each. Where masters are apart from the values, a rank keeps those of
// its own tensors, and of the others those that are read in compute (struct param's `whole`).
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
    int64_t master_elements;    // of the masters, where they are not the values
    int64_t bytes, scales;      // of weights that are kept in int8 (params_layout_narrow), and of their outputs
    int groups, top;            // of its tower that a lock counts, and the number of its last layer (optim/tuning.h)
    uint64_t seed;              // of the initial values of tensors that a file lacks (params_load)
    int next_group, next_layer; // while it is laid out
    enum resample resample;     // how params_load makes grids of positions of another size
    real *master;               // [master_elements] (params_master)
    struct narrow *narrow;      // weights of linear maps that are kept in bytes, or NULL: they are among the elements
    void *value;                // [elements] of ops->dtype; the masters themselves when that is DT_REAL
    real *gradient;             // [elements], NULL without training
    // Who wants to hear, in a backward pass, that the gradients of tensors first … first + count − 1 are final as far
    // as the pass goes; NULL: nobody.
    void (*final)(void *context, int first, int count);
    void *final_context;
    double *squares; // [count], for optim/squares.h; NULL without training
    real *arriving;  // values of one tensor whose master is not kept, while they come (params_destination)
};

// Where one parameter lies in the three blocks, as layers use it; without a master where this rank keeps none. With
// `scale` the value is int8 and belongs to a linear map (struct linear_shape); there are no masters then either.
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
// The same for training, of a rank of several (params_layout_deal).
struct params *params_new_divided(struct ops *ops, const struct model_config *config, const struct model_part *part,
                                  int rank, int ranks);
// Without training, with the weights of linear maps in int8 and a scale for each of their outputs: they are
// made so when their values come, and take a byte instead of the f32 and the compute type.
struct params *params_new_narrow(struct ops *ops, const struct model_config *config, const struct model_part *part);
void params_free(struct params **params); // a layout too
// Of what params_new allocates for such a layout, apart from narrow_bytes.
int64_t params_bytes(const struct params *layout, enum dtype dtype, bool train);
struct weight params_weight(const struct params *params, const char *format, ...) PRINTF_LIKE(2, 3); // bug() if none

// Those whose names begin with `prefix`, which lie side by side: *first and how many; bug() if none.
int params_named(const struct params *params, const char *prefix, int *first);
// Of a backward pass: calls `final`.
void params_final(const struct params *params, int first, int count);

// Initial values from (seed, tensor name) with open_clip's deviations; gradients become zero. In ops->threads threads.
void params_initialize(struct params *params, uint64_t seed);

// The same of one tensor, values alone.
void params_initialize_one(struct params *params, const struct param *param, uint64_t seed);

// Where its f32 master lies; NULL where this rank keeps none.
real *params_master(const struct params *params, const struct param *param);

// For loops over runs of tensors, which lie side by side in all blocks that hold them: the end of the run from `i` on
// of one owner, and the elements of a run, the gaps between and behind its tensors included.
int params_run_end(const struct params *params, int i);
int64_t params_span(const struct params *params, int i, int end);

// Where a parameter's values are written on the device, f32 of its shape; when all are there params_settle makes of
// them what is kept. One parameter at a time, and params_refresh behind the last.
real *params_destination(struct params *params, const struct param *param);
void params_settle(struct params *params, const struct param *param);

// The own masters were written: renews their values in the compute type.
void params_refresh(struct params *params);

// What of a tensor goes from its owner to the other ranks after an update, and where it comes there: the value in the
// compute type, or the master where that is read in compute.
void *params_exchanged(const struct params *params, const struct param *param, size_t *bytes);
// It came, of all tensors of other ranks.
void params_values_changed(struct params *params);
void params_zero_gradient(struct params *params);

// Reads masters (f32, f16 or bf16 inside) from files that hold at least these tensors. Position embeddings of another
// number of positions are resampled (model/params/positions.h), and missing tensors that may be absent
// (enum absence) start anew, with a note. Every other missing or misshapen tensor is listed in one error, -EXIT_USAGE.
// Numbers that are not finite are said with the first tensor that holds one: a warning with training, else -EXIT_DATA.
// With `known`, the `count` parts that such a file may hold, tensors that this part claims (part.h) and the model lacks
// are refused too; NULL: they are left alone.
int params_load(struct params *params, const struct safetensors *file, const char *path,
                const struct model_part *const *known, int count);

// Writes the own tensors of a block that lies as the gradients do (device pointer; of a single rank the masters do too)
// in f32 under the parameters' names. Checksum and size as safetensors_write.
int params_write(const struct params *params, const real *block, const char *path, uint64_t *checksum, int64_t *size);
