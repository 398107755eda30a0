// A part's files in a checkpoint. A single rank writes each in one go; of several, the first lays it out, each writes
// the tensors that it owns into it, and the first reads it back for the checksum and gives it its name. So no
// state of an optimizer goes between ranks, and none is ever whole in one memory.
#include <stdlib.h>

#include "base/file.h"
#include "run/checkpoint.h"
#include "tensor/safetensors.h"
#include "train/agree.h"
#include "train/part.h"

// What goes through the writing of all files.
struct writing {
    const struct part *part;
    const char *directory;
    struct written *written;
    struct ranks_meanwhile meanwhile;
};

static bool is_first(const struct part *part) {
    return !part->params->rank;
}

// The caller releases it, as all states.
static struct state masters_state(const struct params *params) {
    struct state state = {.ops = params->ops};
    for (int i = 0; i < params->count; i++) {
        const struct param *param = &params->item[i];
        state_add(&state, param->name, "", DT_REAL, param->shape, param->own < 0 ? NULL : params_master(params, param));
    }
    return state;
}

// Each word of agree is one that all ranks come to.
static int write_together(const struct writing *writing, const struct state *state, const char *path,
                          struct written_file *file) {
    struct ranks *ranks = writing->part->ranks;
    struct aside aside = {0};
    int own = file ? safetensors_lay_out(&aside, path, state->tensor, state->count) : 0;
    const bool opened = file && !own;
    int status = agree(ranks, own, writing->meanwhile);
    if (!status) status = agree(ranks, state_fill(state, path), writing->meanwhile);
    if (opened && status) aside_abandon(&aside);
    if (opened && !status) status = safetensors_finish(&aside, path, &file->checksum, &file->size);
    return status;
}

static int write_one(const struct writing *writing, const char *ending, struct state state) {
    const struct part *part = writing->part;
    char *name = xformat("%s%s.safetensors", part->row->part->name, ending);
    char *path = path_join(writing->directory, name);
    struct written_file *file = is_first(part) ? written_add(writing->written, name) : NULL;
    int status = part->params->ranks > 1 ? write_together(writing, &state, path, file)
                                         : state_write(&state, path, &file->checksum, &file->size);
    state_release(&state);
    free(name);
    free(path);
    return status;
}

int part_write(const struct part *part, const char *directory, struct written *written,
               struct ranks_meanwhile meanwhile) {
    const struct writing writing = {part, directory, written, meanwhile};
    int status = agree(part->ranks, is_first(part) ? directory_make(directory) : 0, meanwhile);
    if (!status) status = write_one(&writing, "", masters_state(part->params));
    if (!status) status = write_one(&writing, ".optimizer", optimizer_state(part->optimizer));
    if (!status && optimizer_average(part->optimizer))
        status = write_one(&writing, ".ema", optimizer_average_state(part->optimizer));
    return status;
}
