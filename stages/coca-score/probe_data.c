// What `coca-score probe` reads: a matrix that `coca-score embed` wrote, or another program, and the dataset that it is
// of. Row n is record n; what does not fit is refused before anything is fitted.
#include "probe_data.h"

#include <inttypes.h>
#include <stdlib.h>

#include "dataset/store.h"
#include "measure/similarity.h"

void probe_data_release(struct probe_data *data) {
    matrix_release(&data->matrix);
    free(data->class);
    *data = (struct probe_data){0};
}

static int read_class(struct store *store, int64_t id, int64_t *class) {
    struct record record;
    int status = store_texts(store, id, &record);
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
    if (!status) status = matrix_read(&data->matrix, features);
    data->N = data->matrix.N;
    data->E = data->matrix.E;
    data->row = data->matrix.row;
    if (!status) status = read_classes(data, store, features);
    store_close(&store);
    return status;
}

void probe_data_normalise(struct probe_data *data) {
    for (int64_t i = 0; i < data->N; i++)
        similarity_normalise(data->row + i * data->E, data->row + i * data->E, data->E);
}
