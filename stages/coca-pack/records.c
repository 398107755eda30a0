// What the commands that look into a dataset have in common: opening the one they are given, reading a record's number,
// and walking over a range. A record that cannot be decoded ends the walk, as such a dataset is damaged.
#include "records.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fail.h"

int records_open(struct store **store, const struct strings *operands) {
    *store = NULL;
    return operands->count ? store_open(store, operands->item[0])
                           : error(EXIT_USAGE, "which dataset? Give its directory");
}

int records_index(int64_t *index, const struct strings *operands, size_t place) {
    if (operands->count <= place) return error(EXIT_USAGE, "which record? Give its number, from 0");
    char *end;
    errno = 0;
    *index = strtoll(operands->item[place], &end, 10);
    if (end == operands->item[place] || *end || errno || *index < 0)
        return error(EXIT_USAGE, "%s: not a record's number", operands->item[place]);
    return 0;
}

// `first` beyond the end leaves nothing to walk over.
static int walk(struct store *store, int64_t first, int64_t count,
                int (*read)(struct store *store, int64_t index, struct record *record), record_visit *each,
                void *context) {
    const int64_t left = store_count(store) - first, records = count && count < left ? count : left;
    int status = 0;
    for (int64_t i = first; i < first + records && !status; i++) {
        struct record record;
        status = read(store, i, &record);
        if (status) break;
        status = each(i, &record, context);
        record_release(&record);
    }
    return status;
}

int records_each(struct store *store, int64_t first, int64_t count, record_visit *each, void *context) {
    return walk(store, first, count, store_read, each, context);
}

int records_each_text(struct store *store, int64_t first, int64_t count, record_visit *each, void *context) {
    return walk(store, first, count, store_texts, each, context);
}
