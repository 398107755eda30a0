// Photo-like JPEGs for a dataset (tests/bench/photo.h).
//
//     make_photos FOLDER FIRST COUNT
//
// Writes FOLDER/FIRST.jpg and the COUNT − 1 that follow, the same wherever a range is cut, so that processes share
// them.
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "../bench/photo.h"
#include "base/fail.h"
#include "base/memory.h"

static int write_photo(const char *folder, uint64_t index) {
    void *bytes = NULL;
    size_t size;
    if (photo_make(&bytes, &size, index)) return -EXIT_RUN;
    char *path = xformat("%s/%llu.jpg", folder, (unsigned long long)index);
    FILE *file = fopen(path, "wb");
    bool written = file && fwrite(bytes, 1, size, file) == size;
    if (file && fclose(file)) written = false;
    int status = written ? 0 : error(EXIT_RUN, "cannot write %s", path);
    free(path);
    free(bytes);
    return status;
}

int main(int argc, char **argv) {
    fail_name("make_photos");
    if (argc != 4) die(EXIT_USAGE, "usage: make_photos FOLDER FIRST COUNT");
    uint64_t first = strtoull(argv[2], NULL, 10), count = strtoull(argv[3], NULL, 10);
    for (uint64_t i = first; i < first + count; i++)
        if (write_photo(argv[1], i)) return EXIT_RUN;
    return 0;
}
