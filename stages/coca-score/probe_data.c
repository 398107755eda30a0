// What `coca-score probe` reads: a matrix that `coca-score embed` wrote, or another program, and the dataset that it is
// of. Row n is record n; what does not fit is refused before anything is fitted.
#include "probe_data.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "dataset/store.h"
#include "measure/similarity.h"
#include "tensor/npy.h"

void probe_data_release(struct probe_data *data) {
    buffer_release(&data->memory);
    free(data->class);
    *data = (struct probe_data){0};
}

// As f32, in place of what was read.
static void make_f32(struct probe_data *data, const struct tensor *tensor) {
    struct buffer narrow = {0};
    const size_t count = (size_t)shape_count(tensor->shape);
    data->row = tensor->data;
    if (tensor->dtype == DT_F32) return;
    buffer_reserve(&narrow, count * sizeof *data->row);
    dtype_convert(narrow.bytes, DT_F32, tensor->data, tensor->dtype, count);
    buffer_release(&data->memory);
    data->memory = narrow;
    data->row = (float *)(void *)narrow.bytes;
}

static int check_row(const float *row, int64_t E, int64_t number, const char *path) {
    bool zero = true;
    for (int64_t e = 0; e < E; e++) {
        if (!isfinite(row[e]))
            return error(EXIT_DATA, "%s: row %" PRId64 " is not finite (NaN or infinite, or too large for f32)", path,
                         number);
        zero = zero && row[e] == 0;
    }
    if (!zero) return 0;
    return error(EXIT_DATA, "%s: row %" PRId64 " is zero: its picture could not be read; leave the record out", path,
                 number);
}

static int read_rows(struct probe_data *data, const char *path) {
    struct tensor tensor;
    int status = npy_read(path, &tensor, &data->memory);
    if (status) return status;
    if (tensor.shape.rank != 2 || shape_count(tensor.shape) == 0)
        return error(EXIT_DATA, "%s: is no matrix of a row a picture", path);
    if (tensor.dtype != DT_F32 && tensor.dtype != DT_F64 && tensor.dtype != DT_F16)
        return error(EXIT_DATA, "%s: holds %s; features are f32, f64 or f16", path, dtype_name(tensor.dtype));
    data->N = tensor.shape.dim[0];
    data->E = tensor.shape.dim[1];
    make_f32(data, &tensor);
    for (int64_t i = 0; i < data->N && !status; i++) status = check_row(data->row + i * data->E, data->E, i, path);
    return status;
}

static int read_class(struct store *store, int64_t id, int64_t *class) {
    struct record record;
    int status = store_read(store, id, &record);
    if (status) return status;
    *class = record.class;
    record_release(&record);
    if (*class >= 0) return 0;
    return error(EXIT_DATA, "%s: record %" PRId64 " has no class", store_path(store), id);
}

static int read_classes(struct probe_data *data, struct store *store, const char *features) {
    int status = 0;
    if (!store_has(store, "class")) return error(EXIT_DATA, "%s: no record has a class", store_path(store));
    if (store_count(store) != data->N)
        return error(EXIT_DATA, "%s: %" PRId64 " rows, but %s has %" PRId64 " records; they are features of other data",
                     features, data->N, store_path(store), store_count(store));
    data->class = xcalloc((size_t)data->N, sizeof *data->class);
    for (int64_t i = 0; i < data->N && !status; i++) status = read_class(store, i, &data->class[i]);
    return status;
}

int probe_data_read(struct probe_data *data, const char *features, const char *dataset) {
    struct store *store = NULL;
    data->dataset = dataset;
    int status = store_open(&store, dataset);
    if (!status) status = read_rows(data, features);
    if (!status) status = read_classes(data, store, features);
    store_close(&store);
    return status;
}

void probe_data_normalise(struct probe_data *data) {
    for (int64_t i = 0; i < data->N; i++)
        similarity_normalise(data->row + i * data->E, data->row + i * data->E, data->E);
}
