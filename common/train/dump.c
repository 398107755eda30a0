#include "train/dump.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "run/run_options.h"

static char *part_file(const char *part, const char *what, bool aside) {
    return xformat("%s/%s%s.%s.safetensors", run_options.dump, aside ? "." : "", part, what);
}

int dump_write_part(const struct part *part, const struct tensor *outputs, int count, bool aside) {
    char *grads = part_file(part->which->name, "grads", aside), *outs = part_file(part->which->name, "outputs", aside);
    int status = directory_make(run_options.dump);
    if (!status) status = params_write(part->params, part->params->gradient, grads, NULL, NULL);
    if (!status && count) status = safetensors_write(outs, outputs, (size_t)count, NULL, 0, NULL, NULL);
    free(grads);
    free(outs);
    return status;
}

static int write_joined(const struct safetensors *file, int count, const char *what) {
    struct tensor *tensor = NULL;
    size_t total = 0;
    for (int i = 0; i < count; i++) {
        tensor = xrealloc_array(tensor, total + file[i].count + 1, sizeof *tensor);
        if (file[i].count) memcpy(tensor + total, file[i].tensor, file[i].count * sizeof *tensor);
        total += file[i].count;
    }
    char *path = xformat("%s/%s.safetensors", run_options.dump, what);
    int status = safetensors_write(path, tensor, total, NULL, 0, NULL, NULL);
    free(path);
    free(tensor);
    return status;
}

// Outputs may be missing of a part that has none.
static int join(const char *what) {
    struct safetensors file[MODEL_PARTS] = {0};
    char *path[MODEL_PARTS];
    int count = 0, status = 0;
    for (int i = 0; i < MODEL_PARTS; i++) path[i] = part_file(model_parts[i]->name, what, true);
    for (int i = 0; i < MODEL_PARTS && !status; i++)
        if (file_exists(path[i])) status = safetensors_open(&file[count++], path[i]);
    if (!status) status = write_joined(file, count, what);
    for (int i = 0; i < MODEL_PARTS; i++) {
        if (i < count) safetensors_close(&file[i]);
        if (!status) unlink(path[i]);
        free(path[i]);
    }
    return status;
}

int dump_join(const char *losses) {
    int status = join("grads");
    if (!status) status = join("outputs");
    char *path = path_join(run_options.dump, "losses.json"), *line = xformat("%s\n", losses);
    if (!status) status = file_write(path, line, strlen(line));
    free(path);
    free(line);
    return status;
}
