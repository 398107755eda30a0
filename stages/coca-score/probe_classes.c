// Class numbers of records may have gaps, as in sets that share another's list of names: a class without a sample would
// have no minimum, since nothing holds its intercept. So a probe has the classes that its training set has.
#include "probe_classes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

int probe_classes_find(struct probe_classes *classes, const struct probe_data *train) {
    classes->number = xcalloc((size_t)train->N, sizeof *classes->number);
    memcpy(classes->number, train->class, (size_t)train->N * sizeof *classes->number);
    qsort(classes->number, (size_t)train->N, sizeof *classes->number, compare);
    for (int64_t i = 0; i < train->N; i++)
        if (!classes->K || classes->number[i] != classes->number[classes->K - 1])
            classes->number[classes->K++] = classes->number[i];
    if (classes->K > 1) return 0;
    return error(EXIT_DATA, "%s: all records have class %" PRId64 "; a probe tells two or more apart", train->dataset,
                 classes->number[0]);
}

void probe_classes_release(struct probe_classes *classes) {
    free(classes->number);
    *classes = (struct probe_classes){0};
}

int probe_classes_sort(const struct probe_classes *classes, const struct probe_data *data, struct probe_set *set) {
    set->sample = xcalloc((size_t)data->N, sizeof *set->sample);
    for (set->N = 0; set->N < data->N; set->N++) {
        const int64_t class = data->class[set->N];
        const int64_t *found = bsearch(&class, classes->number, (size_t)classes->K, sizeof class, compare);
        if (!found)
            return error(EXIT_DATA, "%s: record %" PRId64 " has class %" PRId64 ", which the training set lacks",
                         data->dataset, set->N, class);
        set->sample[set->N] = (struct softmax_sample){data->row + set->N * data->E, found - classes->number};
    }
    return 0;
}
