// The parameters of one part of the model: a table of names and shapes, and one block each of f32 masters, gradients
// and, when the compute type is not f32, values in the compute type.
#pragma once

#include "model/params/config.h"
#include "tensor/safetensors.h"

enum model_part { PART_IMAGE, PART_TEXT, PART_LOSS };

struct param {
    char name[TENSOR_NAME]; // PyTorch's and open_clip's: "visual.transformer.resblocks.0.attn.in_proj_weight"
    struct shape shape;
    int64_t offset; // elements from the start of the blocks
    bool decay;     // weight decay applies: two or more dimensions, no "ln", "bias" or "logit_scale" in the name
    bool locked;    // keeps its value in training
    double rate;    // of the learning rate; 1 for all but where layers differ
    double mean, deviation; // of the normal distribution that initial values are drawn from
};

struct params {
    struct ops *ops;
    enum model_part part;
    struct param *item;
    int count;
    int64_t elements; // of one block, alignment included (the gaps are zero)
    real *master;     // [elements]
    void *value;      // [elements] of ops->dtype; the masters themselves when that is DT_REAL
    real *gradient;   // [elements], NULL without training
};

// Where one parameter lies in the three blocks, as layers use it.
struct weight {
    void *value;
    real *master, *gradient;
};
struct weight weight_at(struct weight weight, enum dtype dtype, int64_t elements); // so many elements further on

// The table alone, without memory for its contents: names, shapes, counts. `ops` and the blocks are NULL.
struct params *params_layout(const struct model_config *config, enum model_part part);

// Lays out and allocates; contents are zero. `train` adds the gradient block.
struct params *params_new(struct ops *ops, const struct model_config *config, enum model_part part, bool train);
void params_free(struct params **params);

void param_name(char name[TENSOR_NAME], const char *format, ...) PRINTF_LIKE(2, 3); // bug() when it does not fit
struct weight params_weight(const struct params *params, const char *format, ...) PRINTF_LIKE(2, 3); // bug() if none
const struct param *params_find(const struct params *params, const char *name);                      // NULL if none
int64_t params_count(const struct params *params); // trainable numbers

// Initial values from (seed, tensor name) with open_clip's deviations; gradients become zero.
void params_initialize(struct params *params, uint64_t seed);

// The masters were written: renews the values in the compute type.
void params_refresh(struct params *params);
void params_zero_gradient(struct params *params);

// Reads masters (f32, f16 or bf16 inside) from files that hold at least these tensors. Position embeddings of another
// number of positions are resampled (model/params/positions.h), with a note. Every missing or misshapen tensor is
// listed in one error, -EXIT_USAGE. With `exact`, tensors that the model lacks are refused too: those of this part's
// prefixes, and by the loss's part those that no part knows.
int params_load(struct params *params, const struct safetensors *file, const char *path, bool exact);

// Writes a block laid out as the params are (device pointer: masters, gradients, an average or an optimizer's moment)
// in f32 under the parameters' names. Checksum and size as safetensors_write.
int params_write(const struct params *params, const real *block, const char *path, uint64_t *checksum, int64_t *size);
