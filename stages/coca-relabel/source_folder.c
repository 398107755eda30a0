// Samples of a folder: files whose names are the same up to the first dot, as img2dataset's "files" writes them. The
// names are held, sorted; files are read one at a time.
#include "source_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "dataset/import/sorted.h"
#include "dataset/load.h"

struct folder_source {
    char *folder; // absolute
    struct strings names;
    size_t at;
};

static int open_folder(struct source *source) {
    struct folder_source *own = source->own = xcalloc(1, sizeof *own);
    own->folder = realpath(source->plain->path, NULL);
    if (!own->folder) return error(EXIT_DATA, "%s: cannot be read: %s", source->shard->from, strerror(errno));
    int status = directory_list(own->folder, &own->names);
    sorted(&own->names);
    return status;
}

static void close_folder(struct source *source) {
    struct folder_source *own = source->own;
    free(own->folder);
    strings_release(&own->names);
    free(own);
}

static void take_picture(struct sample *sample, const char *path) {
    struct stat info;
    buffer_text(&sample->path, path);
    sample->offset = 0;
    sample->length = 0;
    if (stat(path, &info))
        sample_defect(sample, "cannot be opened: %s", strerror(errno));
    else
        sample->length = info.st_size;
}

static void take_text(struct sample *sample, const char *path, bool is_json) {
    char *defect = load_file(is_json ? &sample->json : &sample->text, path, SOURCE_TEXT_LIMIT, NULL);
    if (defect) sample_defect(sample, "its %s %s", is_json ? "JSON" : "text", defect);
    if (is_json) sample->has_json = true;
    free(defect);
}

static void take_file(struct source *source, struct sample *sample, const char *name, const char *suffix, int *best) {
    const struct folder_source *own = source->own;
    char *path = path_join(own->folder, name);
    const int rank = source_picture_rank(suffix);
    const bool is_json = !strcasecmp(suffix, "json");
    if (rank >= 0 && (*best < 0 || rank < *best)) {
        *best = rank;
        buffer_clear(&sample->path);
        take_picture(sample, path);
    } else if (source->pass == SOURCE_WRITES && (is_json || !strcasecmp(suffix, "txt"))) {
        take_text(sample, path, is_json);
    }
    free(path);
}

static int next_of_folder(struct source *source, struct sample *sample) {
    struct folder_source *own = source->own;
    int best = -1;
    bool is_begun = false;
    for (; own->at < own->names.count; own->at++) {
        const char *name = own->names.item[own->at], *suffix;
        size_t length;
        if (!source_split(name, &length, &suffix) || !*suffix) continue;
        if (is_begun && (length != sample->key.size || memcmp(sample->key.bytes, name, length))) break;
        if (!is_begun) buffer_append(&sample->key, name, length);
        is_begun = true;
        take_file(source, sample, name, suffix, &best);
    }
    if (is_begun && best < 0) sample_defect(sample, "it has no picture");
    return is_begun;
}

const struct source_kind source_of_folder = {open_folder, next_of_folder, close_folder};
