// All inner products of two sets of embeddings, block by block: 2·N·M·E operations, so they are a matrix product of the
// CPU backend, whose weights are a block of those that are compared with.
#include "near_rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "measure/similarity.h"
#include "ops/ops.h"
#include "stage/progress.h"
#include "tensor/npy.h"

enum { QUERIES = 1024, KEYS = 1024 }; // of a block: its products, 4 MiB, are read while they are in the cache

// ---- reading

static int take(struct rows *rows, const struct tensor *tensor, const char *path) {
    if (!tensor || tensor->shape.rank != 2 || tensor->dtype != DT_F32 || shape_count(tensor->shape) == 0)
        return error(EXIT_DATA, "%s: holds no embeddings, f32 [N,E], as pipelines/embed.sh writes them", path);
    *rows = (struct rows){.N = tensor->shape.dim[0], .E = tensor->shape.dim[1]};
    rows->row = xcalloc((size_t)(rows->N * rows->E), sizeof *rows->row);
    const float *from = tensor->data;
    for (int64_t i = 0; i < rows->N * rows->E; i++)
        if (!isfinite(from[i])) return error(EXIT_DATA, "%s: row %" PRId64 " is not finite", path, i / rows->E);
    for (int64_t i = 0; i < rows->N; i++) similarity_normalise(rows->row + i * rows->E, from + i * rows->E, rows->E);
    return 0;
}

static int read_npy(struct rows *rows, const char *path) {
    struct tensor tensor;
    struct buffer memory = {0};
    int status = npy_read(path, &tensor, &memory);
    if (!status) status = take(rows, &tensor, path);
    buffer_release(&memory);
    return status;
}

static int read_safetensors(struct rows *rows, const char *path) {
    struct safetensors file = {0};
    int status = safetensors_open(&file, path);
    if (status) return status;
    status = take(rows, safetensors_find(&file, "embedding"), path);
    safetensors_close(&file);
    return status;
}

int rows_read(struct rows *rows, const char *path) {
    *rows = (struct rows){0};
    return text_ends_alike(path, ".safetensors") ? read_safetensors(rows, path) : read_npy(rows, path);
}

void rows_release(struct rows *rows) {
    free(rows->row);
    *rows = (struct rows){0};
}

static bool is_zero(const struct rows *rows, int64_t i) {
    for (int64_t e = 0; e < rows->E; e++)
        if (rows->row[i * rows->E + e] != 0) return false;
    return true;
}

int64_t rows_zero(const struct rows *rows) {
    int64_t zeros = 0;
    for (int64_t i = 0; i < rows->N; i++) zeros += is_zero(rows, i);
    return zeros;
}

// ---- comparing

struct search {
    const struct rows *rows;
    float least;
    struct ops *ops;
    struct near_row *found;
    float *key;      // [KEYS,E] a block of those that are compared with
    int64_t *number; // [KEYS] which rows they are
    float *product;  // [QUERIES,KEYS]
};

static void keep(struct near_row *found, int64_t row, float similarity) {
    if (found->row < 0 || similarity > found->similarity) *found = (struct near_row){row, similarity};
}

// The product's order of additions is the backend's: what is near the bound is added up as measures do.
static void look_at(const struct search *search, int64_t query, const float *products, int64_t keys) {
    const struct rows *rows = search->rows;
    for (int64_t k = 0; k < keys; k++) {
        if (products[k] < search->least - 1e-4f) continue;
        const float exact = similarity(rows->row + query * rows->E, search->key + k * rows->E, rows->E);
        if (exact >= search->least) keep(&search->found[query], search->number[k], exact);
    }
}

// Queries first … first + count against the keys of the block. A block that is not full has others' rows behind, so
// that all are of one shape, for which the backend keeps one copy.
static void compare_block(const struct search *search, int64_t first, int64_t count, int64_t keys) {
    const struct rows *rows = search->rows;
    const struct linear_shape shape = {.R = count, .I = rows->E, .O = KEYS, .layout = WEIGHT_OUT_IN};
    search->ops->weights_changed(search->ops);
    search->ops->linear_forward(search->ops, search->product, rows->row + first * rows->E, search->key, NULL, NULL,
                                shape);
    for (int64_t q = 0; q < count; q++) look_at(search, first + q, search->product + q * KEYS, keys);
}

static int64_t add_key(const struct search *search, int64_t keys, const float *row, int64_t number) {
    memcpy(search->key + keys * search->rows->E, row, (size_t)search->rows->E * sizeof *row);
    search->number[keys] = number;
    return keys + 1;
}

// Those of `from` below `end` that `skip` does not say are left out, in blocks.
static void compare_with(const struct search *search, int64_t first, int64_t count, const struct rows *from,
                         int64_t end, const struct near_row *skip) {
    int64_t keys = 0;
    for (int64_t i = 0; i < end; i++) {
        if (!skip || skip[i].row < 0) keys = add_key(search, keys, from->row + i * from->E, i);
        if (keys < KEYS && i + 1 < end) continue;
        if (keys) compare_block(search, first, count, keys);
        keys = 0;
    }
}

// A block's own rows are few: each is compared with those of the block before it that stay.
static void compare_among(const struct search *search, int64_t first, int64_t count) {
    const struct rows *rows = search->rows;
    for (int64_t q = first; q < first + count; q++)
        for (int64_t k = first; k < q; k++) {
            if (search->found[k].row >= 0) continue;
            const float exact = similarity(rows->row + q * rows->E, rows->row + k * rows->E, rows->E);
            if (exact >= search->least) keep(&search->found[q], k, exact);
        }
}

static void search_all(const struct search *search, const struct rows *against) {
    const int64_t N = search->rows->N;
    struct progress *progress = progress_new("comparing", N, "embeddings");
    for (int64_t first = 0; first < N; first += QUERIES) {
        const int64_t count = N - first < QUERIES ? N - first : QUERIES;
        compare_with(search, first, count, against ? against : search->rows, against ? against->N : first,
                     against ? NULL : search->found);
        if (!against) compare_among(search, first, count);
        progress_set(progress, first + count, NULL);
    }
    progress_done(&progress);
}

struct near_row *near_rows(const struct rows *rows, const struct rows *against, float least) {
    struct search search = {.rows = rows, .least = least};
    if (ops_open(&search.ops, "cpu", DT_F32, 0)) die(EXIT_RUN, "no CPU backend");
    search.found = xcalloc((size_t)rows->N + 1, sizeof *search.found);
    for (int64_t i = 0; i < rows->N; i++) search.found[i].row = -1;
    search.key = ops_allocate(search.ops, (size_t)(KEYS * rows->E) * sizeof *search.key);
    search.product = ops_allocate(search.ops, (size_t)QUERIES * KEYS * sizeof *search.product);
    search.number = xcalloc(KEYS, sizeof *search.number);
    search_all(&search, against);
    free(search.number);
    ops_release(search.ops, search.product);
    ops_release(search.ops, search.key);
    ops_close(&search.ops);
    return search.found;
}
