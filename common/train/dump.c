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
    if (!status) status = params_write(part->params, part->params->gradient, grads, NULL, NULL);
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

// The names of all tensors.
static struct strings list_tensors(const struct model_config *config, const struct topology *topology) {
    struct strings names = {0};
    for (int i = 0; i < topology->count; i++) {
        struct params *layout = params_layout(config, topology->stage[i].row->part);
        for (int k = 0; k < layout->count; k++) strings_add_text(&names, layout->item[k].name);
        params_free(&layout);
    }
    return names;
}

static int join(const struct run *run, const struct topology *topology, const char *what, const struct strings *order) {
    struct strings paths = {0};
    char *to = xformat("%s/%s.safetensors", run->options.dump, what);
    list_parts(&paths, run, topology, what);
    int status = safetensors_join(to, &paths, order, NULL, 0);
    for (size_t i = 0; i < paths.count && !status; i++) unlink(paths.item[i]);
    strings_release(&paths);
    free(to);
    return status;
}

int dump_join(const struct part *part, const struct topology *topology, const char *losses) {
    const struct run *run = part->run;
    struct strings order = list_tensors(&part->config, topology);
    int status = join(run, topology, "grads", &order);
    if (!status) status = join(run, topology, "outputs", NULL);
    char *path = path_join(run->options.dump, "losses.json"), *line = xformat("%s\n", losses);
    if (!status) status = file_write(path, line, strlen(line));
    free(path);
    free(line);
    strings_release(&order);
    return status;
}
