// coca-pack extract: one picture as it was packed, to look at with other programs, above all one that fails to decode.
// So it is not decoded here, nor turned upright.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/file.h"
#include "commands.h"
#include "records.h"

static const char manual[] =
    "Writes the picture of record INDEX (from 0) of the dataset DIR, byte for byte as packed.\n"
    "\n"
    "Examples:\n"
    "  coca-pack extract data/mine 17 --to 17.png\n"
    "  coca-pack extract data/mine 17 | file -\n"
    "\n" PACK_MANUAL_EXIT;

static struct {
    char *to;
    int64_t picture;
} settings;

#define FIELD(member) offsetof(__typeof__(settings), member)
static const struct option rows[] = {
    {"to", OPTION_TEXT, FIELD(to), "FILE", "-", 0, 0, "where to; \"-\" is stdout", 0},
    {"picture", OPTION_INT, FIELD(picture), "N", "0", 0, RECORD_IMAGES_LIMIT - 1, "of a record with several, from 0",
     0},
};
static struct option_table table = {rows, sizeof rows / sizeof *rows, &settings, NULL};

static int write_picture(struct span picture) {
    if (strcmp(settings.to, "-")) return file_write(settings.to, picture.bytes, picture.size);
    if (isatty(STDOUT_FILENO)) return error(EXIT_USAGE, "a picture is not for a terminal: give --to FILE, or a pipe");
    fwrite(picture.bytes, 1, picture.size, stdout);
    return 0;
}

static int find_picture(struct span *picture, const struct record *record, const char *place, int64_t index) {
    const struct span none = {0};
    *picture = settings.picture < record->image_count ? record->images[settings.picture]
               : settings.picture == 0                ? record->image
                                                      : none;
    if (picture->size) return 0;
    return error(EXIT_DATA, "%s: record %lld has no such picture", place, (long long)index);
}

static int extract(struct store *store, const struct strings *operands) {
    int64_t index;
    struct record record;
    struct span picture;
    int status = records_index(&index, operands, 1);
    if (!status) status = records_read(store, index, &record);
    if (status) return status;
    status = find_picture(&picture, &record, store_path(store), index);
    if (!status) status = write_picture(picture);
    record_release(&record);
    return status;
}

static int run(const struct strings *operands) {
    struct store *store;
    int status = records_open(&store, operands);
    if (!status) status = extract(store, operands);
    store_close(&store);
    return status;
}

const struct tool extract_tool = {
    .name = "coca-pack extract",
    .summary = "writes one picture as it was packed",
    .manual = manual,
    .tables = &table,
    .table_count = 1,
    .operands = "DIR INDEX",
    .run = run,
};
