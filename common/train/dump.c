#include "train/dump.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "run/pretrained.h"

enum { PARTS = 3 };

static char *part_file(const struct run *run, const char *part, const char *what, bool aside) {
    return xformat("%s/%s%s.%s.safetensors", run->options.dump, aside ? "." : "", part, what);
}

int dump_write_part(const struct part *part, const struct tensor *outputs, int count, bool aside) {
    const struct run *run = part->run;
    char *grads = part_file(run, part->name, "grads", aside), *outs = part_file(run, part->name, "outputs", aside);
    int status = directory_make(run->options.dump);
    if (!status) status = params_write(part->params, part->params->gradient, grads, NULL, NULL);
    if (!status && count) status = safetensors_write(outs, outputs, (size_t)count, NULL, 0, NULL, NULL);
    free(grads);
    free(outs);
    return status;
}

static int write_joined(const struct run *run, const struct safetensors *file, int count, const char *what) {
    struct tensor *tensor = NULL;
    size_t total = 0;
    for (int i = 0; i < count; i++) {
        tensor = xrealloc_array(tensor, total + file[i].count + 1, sizeof *tensor);
        if (file[i].count) memcpy(tensor + total, file[i].tensor, file[i].count * sizeof *tensor);
        total += file[i].count;
    }
    char *path = xformat("%s/%s.safetensors", run->options.dump, what);
    int status = safetensors_write(path, tensor, total, NULL, 0, NULL, NULL);
    free(path);
    free(tensor);
    return status;
}

// Outputs may be missing of a part that has none.
static int join(const struct run *run, const char *what) {
    struct safetensors file[PARTS] = {0};
    char *path[PARTS];
    int count = 0, status = 0;
    for (int i = 0; i < PARTS; i++) path[i] = part_file(run, part_names[i], what, true);
    for (int i = 0; i < PARTS && !status; i++)
        if (file_exists(path[i])) status = safetensors_open(&file[count++], path[i]);
    if (!status) status = write_joined(run, file, count, what);
    for (int i = 0; i < PARTS; i++) {
        if (i < count) safetensors_close(&file[i]);
        if (!status) unlink(path[i]);
        free(path[i]);
    }
    return status;
}

int dump_join(const struct run *run, const char *losses) {
    int status = join(run, "grads");
    if (!status) status = join(run, "outputs");
    char *path = path_join(run->options.dump, "losses.json"), *line = xformat("%s\n", losses);
    if (!status) status = file_write(path, line, strlen(line));
    free(path);
    free(line);
    return status;
}
