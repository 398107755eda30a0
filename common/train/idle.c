// The parts are those of rows that take no part. One at a time is loaded as its own stage would load it, so the same
// files are understood and refused, and written as a checkpoint's are.
#include "train/idle.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "run/pretrained.h"

// Whether it is a part of the model that the run leaves alone, and that its weights have: an image encoder alone stays
// one. A head is of one task, which another run is not for.
static bool is_idle(const struct stage_row *row, const struct part *part, const struct topology *topology) {
    const char *pretrained = part->run->options.pretrained;
    if (!pretrained || row->part == &head_part || topology_ranks(topology, row->role)) return false;
    return pretrained_holds(pretrained, row->part);
}

static int write_one(const struct part *part, const struct model_part *idle, const char *path) {
    int count;
    uint64_t checksum;
    int64_t size;
    const struct model_part **known = stage_parts(&count);
    struct params *params = params_new(part->ops, &part->config, idle, false);
    int status = pretrained_load(params, part->run->options.pretrained, true, known, count);
    if (!status) status = params_write(params, params_master(params, params->item), path, &checksum, &size);
    params_free(&params);
    free(known);
    return status;
}

int idle_write(const struct part *part, const struct topology *topology, const char *folder, struct strings *paths) {
    int status = 0;
    for (const struct stage_row *const *row = stage_rows; *row && !status; row++) {
        if (!is_idle(*row, part, topology)) continue;
        char *path = xformat("%s/.%s.safetensors", folder, (*row)->part->name);
        strings_add_text(paths, path);
        status = write_one(part, (*row)->part, path);
        free(path);
    }
    return status;
}

void idle_remove(struct strings *paths) {
    for (size_t i = 0; i < paths->count; i++) unlink(paths->item[i]);
    strings_release(paths);
}

int64_t idle_bytes(const struct part *part, const struct topology *topology) {
    int64_t most = 0;
    for (const struct stage_row *const *row = stage_rows; *row; row++) {
        if (!is_idle(*row, part, topology)) continue;
        struct params *layout = params_layout(&part->config, (*row)->part);
        int64_t bytes = params_count(layout) * (int64_t)sizeof(real);
        if (bytes > most) most = bytes;
        params_free(&layout);
    }
    return most;
}
