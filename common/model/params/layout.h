// The table of a part's parameters, and how it is made: a part's layout (part.h) adds tensors in the order in which
// they lie in the blocks. Names stand once, in these calls; what training must know of a tensor is said there too, so
// that nobody reads it out of a name.
#pragma once

#include <limits.h>

#include "model/params/config.h"
#include "model/params/part.h"
#include "tensor/safetensors.h"

// Embeddings of positions, which a file may have for another number of them (model/params/positions.h).
enum positions { POSITIONS_NONE, POSITIONS_GRID, POSITIONS_CAPTION };
// How those of a grid become another number (there too).
enum resample { RESAMPLE_BICUBIC, RESAMPLE_LINEAR, RESAMPLES };

// Groups of tensors that a lock never reaches, and that it reaches however many groups it leaves unlocked.
enum { GROUP_NEVER_LOCKED = INT_MAX, GROUP_ALWAYS_LOCKED = INT_MIN };

// Of a tensor in a file that a model is loaded from. Where it is allowed, the tensor begins with its initial values; in
// training alone, if these have to be learned before they are good for anything.
enum absence { ABSENCE_REFUSED, ABSENCE_IN_TRAINING, ABSENCE_ALLOWED };

struct param {
    char name[TENSOR_NAME]; // PyTorch's and open_clip's: "visual.transformer.resblocks.0.attn.in_proj_weight"
    struct shape shape;
    int64_t offset;            // elements from the start of the blocks, or of the bytes where it is kept in these
    int64_t scale;             // where its scales begin, if it is kept in bytes
    int owner;                 // the rank that sums its gradient and steps it; 0 of a single rank
    int64_t own;               // elements from the start of blocks that hold this rank's own tensors; -1: another's
    int64_t master;            // elements from the start of the masters beside values that are not f32; -1: none here
    bool whole;                // its f32 value is read in compute: every rank keeps it, whatever the compute type
    bool adjacent;             // lies directly behind the tensor before it
    bool decay;                // weight decay applies: to weights of linear maps and to tables
    bool linear;               // the weight of a linear map, which backends keep copies of
    enum weight_layout layout; // of such a weight
    enum absence absence;
    enum positions positions;
    int group;              // of its tower, from the bottom (optim/tuning.h), or one of the two above
    int layer;              // of its part, from the bottom
    bool locked;            // keeps its value in training
    double rate;            // of the learning rate; 1 for all but where layers differ
    double mean, deviation; // of the normal distribution that initial values are drawn from
};

// The table alone, without memory for its contents: names, shapes, counts. `ops` and the blocks are NULL.
struct params *params_layout(const struct model_config *config, const struct model_part *part);

// Deals the tensors among the ranks of a stage, so that bytes balance, the same way on each of them: sets `owner`,
// `own` and `master` of each tensor, and the params' own_elements and master_elements. Adjacent tensors stay together.
// Blocks of own tensors have them in their order and aligned as the others, so that of a single rank `own` is `offset`;
// masters begin with these, and those that are kept of others' tensors follow. A layout is dealt as of a single rank.
void params_layout_deal(struct params *params, int rank, int ranks);
// Up to the next place where a tensor may start: on a boundary of 64 bytes in bf16 and of 128 in f32.
static inline int64_t params_aligned(int64_t elements) {
    return (elements + 31) / 32 * 32;
}

// The table with places of their own for weights of linear maps: in bytes and scales, and none among the elements.
struct params *params_layout_narrow(const struct model_config *config, const struct model_part *part);
int64_t param_outputs(const struct param *param); // of a weight of a linear map

const struct param *params_find(const struct params *params, const char *name); // NULL if none
int64_t params_count(const struct params *params);                              // trainable numbers
int64_t params_linear_count(const struct params *params);                       // of them, in weights of linear maps
void param_name(char name[TENSOR_NAME], const char *format, ...) PRINTF_LIKE(2, 3); // bug() when it does not fit

// For layouts of parts. A part without towers and layers needs neither of these two.
// The part has so many groups that a lock counts, and its last layer has this number.
void params_layout_tower(struct params *params, int groups, int top);
// Tensors that are added from here on are of this group and layer; before the first call, of none and of layer 0.
void params_layout_place(struct params *params, int group, int layer);

// Each adds one tensor; its name is the format's. Initial values: mean and deviation.
// The weight of a linear map, outputs first, or inputs first.
void params_layout_add_linear(struct params *params, struct shape shape, double deviation, const char *format, ...)
    PRINTF_LIKE(4, 5);
void params_layout_add_matrix(struct params *params, struct shape shape, double deviation, const char *format, ...)
    PRINTF_LIKE(4, 5);
// As add_linear, directly behind the tensor before it, so that one linear map can run over both.
void params_layout_add_adjacent(struct params *params, struct shape shape, double deviation, const char *format, ...)
    PRINTF_LIKE(4, 5);
// Rows that are looked up or stand for themselves: embeddings, queries.
void params_layout_add_table(struct params *params, struct shape shape, double deviation, enum positions positions,
                             const char *format, ...) PRINTF_LIKE(5, 6);
// A bias, a scalar, a single row: without weight decay. Valid until the next is added.
struct param *params_layout_add(struct params *params, struct shape shape, double mean, double deviation,
                                const char *format, ...) PRINTF_LIKE(5, 6);
// NAME.weight and NAME.bias of a LayerNorm over D.
void params_layout_add_norm(struct params *params, int64_t D, const char *format, ...) PRINTF_LIKE(3, 4);
