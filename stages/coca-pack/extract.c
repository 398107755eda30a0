// coca-pack extract: one picture or video as it was packed, to look at with other programs, above all one that fails to
// decode. So it is not decoded here, nor turned upright.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/file.h"
#include "commands.h"
#include "records.h"
#include "stage/option_rows.h"

static const char manual[] =
    "Writes the picture or video of record INDEX (from 0) of the dataset DIR, byte for byte as packed; of a record that\n"
    "has both the picture, unless --video is given.\n"
    "\n"
    "Examples:\n"
    "  coca-pack extract data/mine 17 --to 17.png\n"
    "  coca-pack extract data/mine 17 | file -\n"
    "\n" PACK_MANUAL_EXIT;

struct extract {
    char *to;
    int64_t picture;
    bool video;
};

#define FIELD(member) offsetof(struct extract, member)
static const struct option rows[] = {
    TEXT("to", to, "FILE", "-", "where to; \"-\" is stdout", OPTION_OUTPUT),
    FLAG("video", video, "the record's video, whatever else it has", 0),
    INT("picture", picture, "N", "0", 0, RECORD_IMAGES_LIMIT - 1, "of a record with several, from 0", 0),
};

static int write_picture(const char *to, struct span picture) {
    if (strcmp(to, "-")) return file_write(to, picture.bytes, picture.size);
    if (isatty(STDOUT_FILENO)) return error(EXIT_USAGE, "a picture is not for a terminal: give --to FILE, or a pipe");
    fwrite(picture.bytes, 1, picture.size, stdout);
    return 0;
}

// Picture 0 is the first of several, or the only one, or the video.
static struct span choose(const struct extract *extract, const struct record *record) {
    const int64_t which = extract->picture;
    if (extract->video) return record->video;
    if (which < record->image_count) return record->images[which];
    if (which) return (struct span){0};
    return record->image.size ? record->image : record->video;
}

static int find_picture(struct span *picture, const struct extract *extract, const struct record *record,
                        const char *place, int64_t index) {
    *picture = choose(extract, record);
    if (picture->size) return 0;
    return error(EXIT_DATA, "%s: record %lld has no such picture or video", place, (long long)index);
}

static int extract_from(const struct extract *extract, struct store *store, const struct strings *operands) {
    int64_t index;
    struct record record;
    struct span picture;
    int status = records_index(&index, operands, 1);
    if (!status) status = store_read(store, index, &record);
    if (status) return status;
    status = find_picture(&picture, extract, &record, store_path(store), index);
    if (!status) status = write_picture(extract->to, picture);
    record_release(&record);
    return status;
}

static int run(void *context, const struct strings *operands) {
    struct store *store;
    int status = records_open(&store, operands);
    if (!status) status = extract_from(context, store, operands);
    store_close(&store);
    return status;
}

int extract_main(const struct command *command, int argc, char **argv) {
    struct extract extract = {.to = NULL};
    struct option_table own = OPTION_TABLE(rows, &extract);
    struct option_table *const tables[] = {&own, NULL};
    const struct tool tool = {.name = "coca-pack extract",
                              .summary = command->summary,
                              .manual = manual,
                              .tables = tables,
                              .operands = "DIR INDEX",
                              .context = &extract,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
