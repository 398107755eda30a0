// Packing records and reading them back in the order of a plan, against one plain file that is written and synced, and
// read with pread at the same places. Exits 1 when reading falls below its limit; writing depends on the disk.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/file.h"
#include "dataset/plan.h"
#include "dataset/store.h"

enum { RECORDS = 20000, PICTURE = 8000 }; // a picture of 96 pixels has about as many bytes
#define LIMIT 0.5

static uint8_t picture[PICTURE];

static void check(int status) {
    if (status) exit(-status);
}

static double write_dataset(const char *directory) {
    struct store_writer *writer;
    struct span caption = {"a caption of some words", 23};
    const double start = clock_seconds();
    check(store_writer_open(&writer, directory, RECORDS, false));
    for (int i = 0; i < RECORDS; i++) {
        struct record record = RECORD_EMPTY;
        record.image = (struct span){picture, sizeof picture};
        record.captions = &caption;
        record.caption_count = 1;
        check(store_writer_add(writer, &record));
    }
    check(store_writer_commit(&writer));
    return clock_seconds() - start;
}

static double write_plain(const char *path) {
    const double start = clock_seconds();
    int file = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    for (int i = 0; i < RECORDS; i++)
        if (write(file, picture, sizeof picture) != sizeof picture) die(EXIT_RUN, "%s: cannot be written", path);
    if (fsync(file) || close(file)) die(EXIT_RUN, "%s: cannot be written", path);
    return clock_seconds() - start;
}

// Every byte is summed up, so that pages are touched as a decoder would.
static uint64_t sum_of(const void *bytes, size_t size) {
    uint64_t sum = 0;
    for (size_t i = 0; i < size; i++) sum += ((const uint8_t *)bytes)[i];
    return sum;
}

static double read_dataset(struct store *store, const struct plan *plan, uint64_t *sum) {
    const double start = clock_seconds();
    for (int64_t n = 0; n < RECORDS; n++) {
        struct span value;
        struct record record;
        char reason[RECORD_REASON];
        check(store_get(store, plan_at(plan, n).record, &(struct buffer){0}, &value));
        check(record_decode(&record, value.bytes, value.size, reason));
        *sum += sum_of(record.image.bytes, record.image.size);
        record_release(&record);
    }
    return clock_seconds() - start;
}

static double read_plain(const char *path, const struct plan *plan, uint64_t *sum) {
    static uint8_t bytes[PICTURE];
    const double start = clock_seconds();
    int file = open(path, O_RDONLY);
    for (int64_t n = 0; n < RECORDS; n++) {
        if (pread(file, bytes, sizeof bytes, plan_at(plan, n).record * PICTURE) != sizeof bytes)
            die(EXIT_RUN, "%s: cannot be read", path);
        *sum += sum_of(bytes, sizeof bytes);
    }
    close(file);
    return clock_seconds() - start;
}

static void print(const char *what, double seconds, double plain) {
    printf("%-8s %9.0f records/s %8.0f MiB/s %6.2f of a plain file\n", what, RECORDS / seconds,
           (double)RECORDS * PICTURE / seconds / (1 << 20), plain / seconds);
}

static double bench_reading(const char *directory, const char *file) {
    struct store *store;
    struct plan *plan;
    uint64_t sum = 0, plain_sum = 0;
    check(store_open(&store, directory));
    check(plan_new(&plan, &(struct plan_source){.size = RECORDS, .weight = 1}, 1, 0, true, 0));
    read_dataset(store, plan, &sum);
    read_plain(file, plan, &plain_sum);
    const double seconds = read_dataset(store, plan, &sum), plain = read_plain(file, plan, &plain_sum);
    if (sum != plain_sum) die(EXIT_RUN, "the bytes that were read differ");
    print("reading", seconds, plain);
    plan_free(&plan);
    store_close(&store);
    return plain / seconds;
}

int main(void) {
    char folder[] = "/tmp/coca-bench-XXXXXX";
    if (!mkdtemp(folder)) die(EXIT_RUN, "%s: cannot be made", folder);
    char *directory = path_join(folder, "set"), *file = path_join(folder, "plain");
    for (int i = 0; i < PICTURE; i++) picture[i] = (uint8_t)(i * 7);
    const double plain = write_plain(file), seconds = write_dataset(directory);
    print("packing", seconds, plain);
    const double ratio = bench_reading(directory, file);
    check(directory_remove(folder));
    free(directory);
    free(file);
    printf("limit    %.2f for reading\n", LIMIT);
    return ratio < LIMIT;
}
