// One rule of the contrastive loss, and the tiles of the G×G matrix of cosines that all rules go through. Private to
// the contrastive files.
#pragma once

#include "model/contrastive.h"

#define TILE 1024 // rows and columns of the G×G matrix at a time

// The embeddings of one side, the columns, lie whole on the backend while row blocks of the other side are multiplied
// with them. A product's right operand is always `columns`: a backend that keeps a packed copy of it then keeps one
// tile and not G rows.
struct tiles {
    struct ops *ops;
    int64_t G, E;
    real *whole;         // [G,E]
    real *columns;       // [TILE,E]
    real *rows, *d_rows; // [TILE,E]
    real *x;             // [TILE,TILE], cosines, then their gradient
    void *memory;
};
void tiles_open(struct tiles *tiles, struct ops *ops, int64_t G, int64_t E);
void tiles_close(struct tiles *tiles);
int64_t tiles_bytes(int64_t G, int64_t E);

// The R rows from `row` on and C columns from `column` on, whose cosines lie in x[R,C].
struct tile {
    int64_t row, R, column, C;
};
// What a rule does with a tile. Where a walk makes gradients, it leaves in x that of the loss by the cosines.
typedef void tile_work(void *rule, struct tiles *tiles, const struct tile *tile);

// The other side of the walks that follow.
void tiles_load_columns(struct tiles *tiles, const float *embedding);
// Every tile, the tiles of a block of rows one after the other, from left to right. `embedding` is the rows' side [G,E]
// and d[G,E] its gradient, from those that `work` leaves; NULL: none.
void tiles_walk(struct tiles *tiles, const float *embedding, float *d, tile_work *work, void *rule);

// A call of contrastive_run.
struct contrastive_batch {
    const float *image, *text;
    struct contrastive_scalars scalars;
    double lambda;
    enum contrastive_convention convention;
    float *d_image, *d_text;
};

struct contrastive_rule {
    const char *name;
    void *(*new)(struct ops *ops, int64_t G);
    void (*free)(void *rule, struct ops *ops);
    int64_t (*bytes)(int64_t G); // that `new` allocates on the device
    struct contrastive_result (*run)(void *rule, struct tiles *tiles, const struct contrastive_batch *batch);
    double (*chance)(enum contrastive_convention convention, double G);
};
extern const struct contrastive_rule contrastive_softmax, contrastive_sigmoid;
