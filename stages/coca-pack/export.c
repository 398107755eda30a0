// coca-pack export: a dataset as a tar that webdataset, open_clip and `pack --from tar` read. Members of a sample must
// be adjacent and have one key, so they are named by the record's number, which no id can spoil. What a tar has no
// member for (labels, question, answers, the id) goes into json, whose mark tells `pack` that the members are a record
// (dataset/import/tar_record.c). Pictures travel byte for byte.
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/file.h"
#include "commands.h"
#include "image/container.h"
#include "image/image.h"
#include "records.h"
#include "stage/option_rows.h"
#include "text_json.h"

static const char manual[] =
    "Writes the dataset DIR as a tar of adjacent members NUMBER.SUFFIX: the picture as packed (jpg, png or webp;\n"
    "0.jpg, 1.jpg, … of a record with several), the video (mp4, webm or avi, by its bytes), txt (captions, one per\n"
    "line), cls (the class), each where a record has it, and json (all texts: id, captions, labels, question, answers,\n"
    "answer, and the kinds of both). `coca-pack pack --from tar` makes the same records of it, with the same\n"
    "fingerprint where the shards are the same. Lists beside the records (classnames.txt, answers.txt) do not travel.\n"
    "\n"
    "Examples:\n"
    "  coca-pack export data/mine --tar mine.tar\n"
    "  coca-pack export data/mine --tar - | ssh host coca-pack pack --from tar - --to data/mine\n"
    ""
    "\n" PACK_MANUAL_EXIT;

struct export {
    char *tar;
    int64_t first, limit;
};

#define FIELD(member) offsetof(struct export, member)
static const struct option rows[] = {
    TEXT("tar", tar, "FILE", NULL, "the tar to write; \"-\" is stdout", OPTION_OUTPUT),
    INT("first", first, "RECORD", "0", 0, 1e15, "number to begin with", 0),
    INT("limit", limit, "RECORDS", "0", 0, 1e15, "stop after so many; 0: export all", 0),
};

// The tar that is being written.
struct tar {
    struct archive *archive;
    const char *path;
};

static int failed(const struct tar *tar) {
    return error(EXIT_RUN, "%s: cannot be written: %s", tar->path, archive_error_string(tar->archive));
}

// Writes member "%09d.SUFFIX".
static int write_member(const struct tar *tar, int64_t index, const char *suffix, struct span content) {
    struct archive_entry *entry = archive_entry_new();
    char *name = xformat("%09lld.%s", (long long)index, suffix);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)content.size);
    const bool written = archive_write_header(tar->archive, entry) == ARCHIVE_OK &&
                         archive_write_data(tar->archive, content.bytes, content.size) == (la_ssize_t)content.size;
    archive_entry_free(entry);
    free(name);
    return written ? 0 : failed(tar);
}

// By the bytes, as everywhere: what a picture is called never mattered.
static const char *suffix_of(struct span picture) {
    static const char *const suffixes[] = {
        [IMAGE_UNKNOWN] = "image", [IMAGE_JPEG] = "jpg", [IMAGE_PNG] = "png", [IMAGE_WEBP] = "webp"};
    return suffixes[image_format_of(picture.bytes, picture.size)];
}

// One picture is NUMBER.jpg; several are NUMBER.0.jpg, NUMBER.1.jpg, …: the key ends at the first dot, so they stay one
// sample.
static int write_pictures(const struct tar *tar, int64_t index, const struct record *record) {
    int status = 0;
    if (record->image.size) status = write_member(tar, index, suffix_of(record->image), record->image);
    for (int i = 0; i < record->image_count && !status; i++) {
        char suffix[32];
        snprintf(suffix, sizeof suffix, "%d.%s", i, suffix_of(record->images[i]));
        status = write_member(tar, index, suffix, record->images[i]);
    }
    return status;
}

// What is no video by its bytes has the suffix "none".
static int write_video(const struct tar *tar, int64_t index, const struct record *record) {
    const struct span video = record->video;
    if (!video.size) return 0;
    return write_member(tar, index, video_container_name(video_container_of(video.bytes, video.size)), video);
}

// Each line of a text member is a caption to others; captions that hold line ends are whole in the json alone.
static int write_captions(const struct tar *tar, int64_t index, const struct record *record) {
    struct buffer text = {0};
    for (int i = 0; i < record->caption_count; i++) {
        if (i) buffer_text(&text, "\n");
        buffer_append(&text, record->captions[i].bytes, record->captions[i].size);
    }
    int status = record->caption_count ? write_member(tar, index, "txt", (struct span){text.bytes, text.size}) : 0;
    buffer_release(&text);
    return status;
}

static int write_class(const struct tar *tar, int64_t index, const struct record *record) {
    char text[24];
    if (record->class < 0) return 0;
    const int size = snprintf(text, sizeof text, "%lld", (long long)record->class);
    return write_member(tar, index, "cls", (struct span){text, (size_t)size});
}

// A json is written of every record, as it says that the members are one.
static int write_json(const struct tar *tar, int64_t index, const struct record *record) {
    json_t *json = json_pack("{s:s}", "format", RECORD_JSON_FORMAT);
    if (record->id.size) json_object_set_new(json, "id", text_json(record->id));
    record_texts_json(json, record);
    char *text = json_dumps(json, JSON_COMPACT);
    int status = write_member(tar, index, "json", (struct span){text, strlen(text)});
    free(text);
    json_decref(json);
    return status;
}

static int write_record(int64_t index, const struct record *record, void *context) {
    int status = write_pictures(context, index, record);
    if (!status) status = write_video(context, index, record);
    if (!status) status = write_captions(context, index, record);
    if (!status) status = write_class(context, index, record);
    if (!status) status = write_json(context, index, record);
    return status;
}

static int write_tar(const struct export *export, struct store *store, FILE *file) {
    struct archive *archive = archive_write_new();
    struct tar tar = {archive, export->tar};
    archive_write_set_format_pax_restricted(archive);
    archive_write_set_bytes_in_last_block(archive, 1);
    int status = archive_write_open_FILE(archive, file) == ARCHIVE_OK ? 0 : failed(&tar);
    if (!status) status = records_each(store, export->first, export->limit, write_record, &tar);
    if (!status && archive_write_close(archive) != ARCHIVE_OK) status = failed(&tar);
    archive_write_free(archive);
    return status;
}

static int export_file(const struct export *export, struct store *store) {
    struct aside aside;
    int status = aside_open(&aside, export->tar);
    if (status) return status;
    status = write_tar(export, store, aside.file);
    if (status)
        aside_abandon(&aside);
    else
        status = aside_commit(&aside);
    return status;
}

static int export_stdout(const struct export *export, struct store *store) {
    if (isatty(STDOUT_FILENO)) return error(EXIT_USAGE, "a tar is not for a terminal: give --tar FILE, or a pipe");
    return write_tar(export, store, stdout);
}

static int run(void *context, const struct strings *operands) {
    const struct export *export = context;
    if (!export->tar) return error(EXIT_USAGE, "--tar is missing: the file to write");
    struct store *store;
    int status = records_open(&store, operands);
    if (!status) status = strcmp(export->tar, "-") ? export_file(export, store) : export_stdout(export, store);
    store_close(&store);
    return status;
}

int export_main(const struct command *command, int argc, char **argv) {
    struct export export = {.tar = NULL};
    struct option_table own = OPTION_TABLE(rows, &export);
    struct option_table *const tables[] = {&own, NULL};
    const struct tool tool = {.name = "coca-pack export",
                              .summary = command->summary,
                              .manual = manual,
                              .tables = tables,
                              .operands = "DIR",
                              .context = &export,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
