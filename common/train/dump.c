// A dump is for holding a step against another implementation, so it looks like PyTorch's tensors of the whole batch,
// although no process has them all. The conductor joins what each wrote before `done` told it that all is there.
#include "train/dump.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "tensor/safetensors_join.h"

// The caller frees.
static char *part_file(const struct run *run, const char *part, int rank, const char *what, bool aside) {
    if (!aside) return xformat("%s/%s.%s.safetensors", run->options.dump, part, what);
    return xformat("%s/.%s.%d.%s.safetensors", run->options.dump, part, rank, what);
}

int dump_write_part(const struct part *part, int rank, const struct tensor *outputs, int count, bool aside) {
    char *grads = part_file(part->run, part->row->part->name, rank, "grads", aside);
    char *outs = part_file(part->run, part->row->part->name, rank, "outputs", aside);
    int status = directory_make(part->run->options.dump);
    if (!status && !rank) status = params_write(part->params, part->params->gradient, grads, NULL, NULL);
    if (!status && count) status = safetensors_write(outs, outputs, (size_t)count, NULL, 0, NULL, NULL);
    free(grads);
    free(outs);
    return status;
}

// The files that were written aside, by stage and rank.
static void list_parts(struct strings *paths, const struct run *run, const struct topology *topology,
                       const char *what) {
    for (int i = 0; i < topology->count; i++)
        for (int rank = 0; rank < topology->stage[i].ranks; rank++) {
            char *path = part_file(run, topology->stage[i].row->part->name, rank, what, true);
            if (file_exists(path)) strings_add_text(paths, path);
            free(path);
        }
}

static int join(const struct run *run, const struct topology *topology, const char *what) {
    struct strings paths = {0};
    char *to = xformat("%s/%s.safetensors", run->options.dump, what);
    list_parts(&paths, run, topology, what);
    int status = safetensors_join(to, &paths, NULL, 0);
    for (size_t i = 0; i < paths.count && !status; i++) unlink(paths.item[i]);
    strings_release(&paths);
    free(to);
    return status;
}

int dump_join(const struct run *run, const struct topology *topology, const char *losses) {
    int status = join(run, topology, "grads");
    if (!status) status = join(run, topology, "outputs");
    char *path = path_join(run->options.dump, "losses.json"), *line = xformat("%s\n", losses);
    if (!status) status = file_write(path, line, strlen(line));
    free(path);
    free(line);
    return status;
}
