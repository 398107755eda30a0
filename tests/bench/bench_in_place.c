// Makes the pictures of bench_in_place.sh: photo-like JPEGs with captions beside them.
//
//   bench_in_place FOLDER COUNT
#include <stdlib.h>

#include "base/fail.h"
#include "base/file.h"
#include "photo.h"

static int make(const char *folder, int number) {
    void *bytes;
    size_t size;
    int status = photo_make(&bytes, &size, (uint64_t)number);
    char *picture = xformat("%s/%06d.jpg", folder, number), *text = xformat("%s/%06d.txt", folder, number);
    if (!status) status = file_write(picture, bytes, size);
    if (!status) status = file_write(text, "a photo\n", 8);
    free(bytes);
    free(picture);
    free(text);
    return status;
}

int main(int argc, char **argv) {
    fail_name("bench_in_place");
    if (argc != 3) die(EXIT_USAGE, "bench_in_place FOLDER COUNT; tests/bench/bench_in_place.sh runs it");
    int status = directory_make(argv[1]);
    for (int i = 0; i < atoi(argv[2]) && !status; i++) status = make(argv[1], i);
    return -status;
}
