// The recipe's place is known from where the executables are; what is not there is not missed, what is named must be.
#include "meteor_file.h"

#include <stdlib.h>

#include "base/machine.h"

// data/meteor stands two levels above the executables of a build, one above those of a distribution.
static char *find_made(void) {
    static const char *const places[] = {"../../data/meteor", "../data/meteor"};
    char *folder = machine_program_folder(), *found = NULL;
    for (size_t i = 0; i < sizeof places / sizeof *places && !found; i++) {
        char *path = xformat("%s/%s/english.meteor", folder, places[i]);
        found = realpath(path, NULL);
        free(path);
    }
    free(folder);
    return found;
}

int meteor_file_open(struct meteor_file *file, const char *path) {
    file->path = path ? xstrdup(path) : find_made();
    int status = file->path ? meteor_data_open(&file->data, file->path) : 0;
    if (status) meteor_file_close(file);
    return status;
}

struct meteor_data *meteor_file_data(struct meteor_file *file) {
    return file->path ? &file->data : NULL;
}

void meteor_file_close(struct meteor_file *file) {
    if (file->path) meteor_data_close(&file->data);
    free(file->path);
    file->path = NULL;
}
