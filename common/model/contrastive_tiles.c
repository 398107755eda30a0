// Goes through the G×G matrix of cosines in tiles of at most TILE rows and columns, and from the gradient that a rule
// makes of each gathers that of the embeddings. The rules call it; what a tile means is theirs.
#include "model/contrastive_rule.h"
#include "tensor/arena.h"

static int64_t tile_of(int64_t left) {
    return left < TILE ? left : TILE;
}

static void plan_memory(struct tiles *tiles, struct arena *arena) {
    size_t G = (size_t)tiles->G, E = (size_t)tiles->E, tile = (size_t)tile_of(tiles->G);
    tiles->whole = arena_take(arena, G * E * sizeof(real));
    tiles->columns = arena_take(arena, tile * E * sizeof(real));
    tiles->rows = arena_take(arena, tile * E * sizeof(real));
    tiles->d_rows = arena_take(arena, tile * E * sizeof(real));
    tiles->x = arena_take(arena, tile * tile * sizeof(real));
}

int64_t tiles_bytes(int64_t G, int64_t E) {
    struct tiles tiles = {.G = G, .E = E};
    struct arena arena;
    arena_begin(&arena, NULL, SIZE_MAX);
    plan_memory(&tiles, &arena);
    return (int64_t)arena.peak;
}

void tiles_open(struct tiles *tiles, struct ops *ops, int64_t G, int64_t E) {
    struct arena arena;
    size_t bytes = (size_t)tiles_bytes(G, E);
    *tiles = (struct tiles){.ops = ops, .G = G, .E = E, .memory = ops_allocate(ops, bytes)};
    arena_begin(&arena, tiles->memory, bytes);
    plan_memory(tiles, &arena);
}

void tiles_close(struct tiles *tiles) {
    ops_release(tiles->ops, tiles->memory);
}

static size_t row_bytes(const struct tiles *tiles, int64_t rows) {
    return (size_t)(rows * tiles->E) * sizeof(real);
}

void tiles_load_columns(struct tiles *tiles, const float *embedding) {
    tiles->ops->upload(tiles->ops, tiles->whole, embedding, row_bytes(tiles, tiles->G));
}

// x[R,C] = rows·columnsᵀ.
static void multiply(struct tiles *tiles, const struct tile *tile) {
    struct ops *ops = tiles->ops;
    ops->copy(ops, tiles->columns, tiles->whole + tile->column * tiles->E, row_bytes(tiles, tile->C));
    ops->weights_changed(ops);
    ops->linear_forward(ops, tiles->x, tiles->rows, tiles->columns, NULL, NULL,
                        (struct linear_shape){tile->R, tiles->E, tile->C, WEIGHT_OUT_IN, NULL});
}

// A cosine is rows[r]·columns[c], so the tile's part of the rows' gradient is d_rows[R,E] = x·columns, x the gradient
// by the cosines; the tiles of a block of rows add up.
static void add_gradient(struct tiles *tiles, const struct tile *tile) {
    struct ops *ops = tiles->ops;
    ops->linear_forward(ops, tiles->d_rows, tiles->x, tiles->columns, NULL, tile->column ? tiles->d_rows : NULL,
                        (struct linear_shape){tile->R, tile->C, tiles->E, WEIGHT_IN_OUT, NULL});
}

void tiles_walk(struct tiles *tiles, const float *embedding, float *d, tile_work *work, void *rule) {
    struct ops *ops = tiles->ops;
    struct tile tile;
    for (tile.row = 0; tile.row < tiles->G; tile.row += TILE) {
        tile.R = tile_of(tiles->G - tile.row);
        ops->upload(ops, tiles->rows, embedding + tile.row * tiles->E, row_bytes(tiles, tile.R));
        for (tile.column = 0; tile.column < tiles->G; tile.column += TILE) {
            tile.C = tile_of(tiles->G - tile.column);
            multiply(tiles, &tile);
            work(rule, tiles, &tile);
            if (d) add_gradient(tiles, &tile);
        }
        if (d) ops->download(ops, d + tile.row * tiles->E, tiles->d_rows, row_bytes(tiles, tile.R));
    }
}
