// Gathers what the messages of one role hold, row by row, as they come, which pull.c makes the order of samples. Widths
// come from other processes and are compared with the first one's before anything is copied.
#include "embeddings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "train/protocol.h"

void embeddings_release(struct embeddings *embeddings) {
    free(embeddings->row);
    free(embeddings->id);
    strings_release(&embeddings->names);
    *embeddings = (struct embeddings){0};
}

// Twice as much each time: how many will come is not known before the data end.
static void make_room(struct embeddings *all, int64_t more) {
    if (all->count + more <= all->capacity) return;
    all->capacity = 2 * all->capacity + more;
    all->row = xrealloc_array(all->row, (size_t)all->capacity, (size_t)all->E * sizeof *all->row);
    all->id = xrealloc_array(all->id, (size_t)all->capacity, sizeof *all->id);
}

// Only samples of a list have names; then every row has one.
static void add_names(struct embeddings *all, const struct message *message) {
    const char *name;
    for (int i = 0; (name = message_string(message, TENSOR_NAMES, i)); i++) strings_add_text(&all->names, name);
}

static int check_width(struct embeddings *all, const struct message *message, int64_t E) {
    if (!all->count) all->E = E;
    if (E == all->E && E > 0) return 0;
    return error(EXIT_RUN, "microbatch %d from %s holds embeddings of width %" PRId64 ", those before were %" PRId64,
                 message->unit.microbatch, message->from, E, all->E);
}

int embeddings_add(void *context, const struct message *message) {
    struct embeddings *all = context;
    const void *rows, *ids;
    int status = message_tensor(message, TENSOR_EMBEDDING, DT_F32, SHAPE(-1, -1), &rows);
    if (status) return status;
    const struct shape shape = message_find(message, TENSOR_EMBEDDING)->shape;
    status = message_tensor(message, TENSOR_IDS, DT_I64, SHAPE(shape.dim[0]), &ids);
    if (!status) status = check_width(all, message, shape.dim[1]);
    if (!status && !dtype_finite(DT_F32, rows, (size_t)shape_count(shape)))
        status = error(EXIT_DATA, "microbatch %d from %s holds embeddings that are not finite (NaN or infinite)",
                       message->unit.microbatch, message->from);
    if (status) return status;
    make_room(all, shape.dim[0]);
    memcpy(all->row + all->count * all->E, rows, (size_t)(shape.dim[0] * all->E) * sizeof *all->row);
    memcpy(all->id + all->count, ids, (size_t)shape.dim[0] * sizeof *all->id);
    all->count += shape.dim[0];
    add_names(all, message);
    return 0;
}
