// What a checkpoint is on disk: a folder, its manifest, and the order of writing that makes a folder under its final
// name whole. The stages write their own files into it (part_write), loss commits (training_keep); who may resume from
// which is decided in run_directory.c.
#include "run/checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"

#define MANIFEST "manifest.json"
#define MANIFEST_LIMIT (1 << 20)

char *checkpoint_aside(const char *folder, int64_t step) {
    return xformat("%s/.step-%" PRId64, folder, step);
}

char *checkpoint_path(const char *folder, int64_t step) {
    return xformat("%s/step-%" PRId64, folder, step);
}

struct written_file *written_add(struct written *written, const char *name) {
    int capacity = WRITTEN_FILES;
    struct written_file *file = &written->file[written->count];
    if (written->count == capacity || strlen(name) >= sizeof file->name) bug("no room for file %s", name);
    *file = (struct written_file){0};
    strcpy(file->name, name);
    written->count++;
    return file;
}

// ---- the manifest

// Of a key that is not there too.
static bool read_hash(struct json_fields *fields, const char *key, uint64_t *hash) {
    return hash_parse(hash, json_fields_text(fields, key, ""));
}

static json_t *file_json(const struct written_file *file) {
    return json_pack("{s:s, s:I, s:o}", "name", file->name, "size", (json_int_t)file->size, "checksum",
                     json_hash(file->checksum));
}

static int write_manifest(const struct checkpoint *checkpoint, const char *directory) {
    json_t *document = json_pack("{s:I, s:I, s:f, s:o}", "step", (json_int_t)checkpoint->step, "samples",
                                 (json_int_t)checkpoint->samples, "elapsed", checkpoint->elapsed, "model",
                                 json_hash(checkpoint->model));
    json_t *files = json_array();
    for (int i = 0; i < checkpoint->written.count; i++)
        json_array_append_new(files, file_json(&checkpoint->written.file[i]));
    json_object_set_new(document, "files", files);
    char *path = path_join(directory, MANIFEST);
    int status = json_write(path, document);
    free(path);
    json_decref(document);
    return status;
}

static int read_file_entry(struct written *written, const json_t *entry, const char *path) {
    struct json_fields fields;
    json_fields_begin(&fields, entry, path);
    const char *name = json_fields_text(&fields, "name", "");
    int64_t size = json_fields_int(&fields, "size", -1, 0, INT64_MAX);
    uint64_t checksum;
    bool summed = read_hash(&fields, "checksum", &checksum);
    int room = WRITTEN_FILES - written->count;
    if (json_fields_end(&fields) || !*name || strchr(name, '/') || strlen(name) >= sizeof written->file->name ||
        size < 0 || !summed || room < 1)
        return error(EXIT_DATA, "%s: a file's entry is damaged", path);
    struct written_file *file = written_add(written, name);
    file->size = size;
    file->checksum = checksum;
    return 0;
}

static int read_manifest(struct checkpoint *checkpoint, const json_t *document, const char *path) {
    struct json_fields fields;
    json_fields_begin(&fields, document, path);
    *checkpoint = (struct checkpoint){.step = json_fields_int(&fields, "step", -1, 0, INT64_MAX),
                                      .samples = json_fields_int(&fields, "samples", -1, 0, INT64_MAX),
                                      .elapsed = json_fields_real(&fields, "elapsed", 0)};
    bool modelled = read_hash(&fields, "model", &checkpoint->model);
    json_fields_ignore(&fields, "files");
    const json_t *files = json_object_get(document, "files");
    if (json_fields_end(&fields) || checkpoint->step < 0 || checkpoint->samples < 0 || !modelled ||
        !json_array_size(files))
        return error(EXIT_DATA, "%s is damaged: it lacks step, samples, model or files", path);
    int status = 0;
    for (size_t i = 0; i < json_array_size(files) && !status; i++)
        status = read_file_entry(&checkpoint->written, json_array_get(files, i), path);
    return status;
}

int checkpoint_read(struct checkpoint *checkpoint, const char *path) {
    if (!directory_exists(path)) return error(EXIT_DATA, "%s: no such checkpoint", path);
    char *manifest = path_join(path, MANIFEST);
    json_t *document = json_read(manifest, MANIFEST_LIMIT);
    int status = document ? read_manifest(checkpoint, document, manifest) : -EXIT_DATA;
    json_decref(document);
    free(manifest);
    return status;
}

static int verify_file(const struct written_file *file, const char *path) {
    struct stat found;
    uint64_t checksum = 0;
    if (stat(path, &found)) return error(EXIT_DATA, "%s: %s; the checkpoint is not whole", path, strerror(errno));
    if (found.st_size != file->size)
        return error(EXIT_DATA, "%s has %lld bytes, not %" PRId64 ": the checkpoint was cut; resume from an older one",
                     path, (long long)found.st_size, file->size);
    if (hash_file(path, &checksum)) return -EXIT_DATA;
    if (checksum == file->checksum) return 0;
    return error(EXIT_DATA, "%s was changed since it was written (checksum); resume from an older checkpoint", path);
}

int checkpoint_verify(const struct checkpoint *checkpoint, const char *path, const char *prefix) {
    int status = 0;
    for (int i = 0; i < checkpoint->written.count && !status; i++) {
        const struct written_file *file = &checkpoint->written.file[i];
        if (!text_begins(file->name, prefix)) continue;
        char *name = path_join(path, file->name);
        status = verify_file(file, name);
        free(name);
    }
    return status;
}

const struct written_file *checkpoint_file(const struct checkpoint *checkpoint, const char *name) {
    for (int i = 0; i < checkpoint->written.count; i++)
        if (!strcmp(checkpoint->written.file[i].name, name)) return &checkpoint->written.file[i];
    return NULL;
}

// ---- the folder

// The N of "step-N", −1 for other names.
static int64_t step_of(const char *name) {
    char *end;
    if (!text_begins(name, "step-") || name[5] < '0' || name[5] > '9') return -1;
    long long step = strtoll(name + 5, &end, 10);
    return *end ? -1 : step;
}

static int descending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

// Steps of the finished checkpoints, newest first, in *steps, which the caller frees. 0 or -EXIT_DATA.
static int list_steps(const char *folder, int64_t **steps, int *count) {
    struct strings names = {0};
    int status = directory_list(folder, &names);
    *steps = xcalloc(names.count, sizeof **steps);
    *count = 0;
    for (size_t i = 0; i < names.count; i++)
        if (step_of(names.item[i]) >= 0) (*steps)[(*count)++] = step_of(names.item[i]);
    qsort(*steps, (size_t)*count, sizeof **steps, descending);
    strings_release(&names);
    return status;
}

int checkpoint_newest(const char *folder, int64_t *step) {
    int64_t *steps;
    int count, status = list_steps(folder, &steps, &count);
    *step = count ? steps[0] : -1;
    free(steps);
    return status;
}

int checkpoint_clean(const char *folder) {
    struct strings names = {0};
    int status = directory_list(folder, &names);
    for (size_t i = 0; i < names.count && !status; i++) {
        if (names.item[i][0] != '.' || step_of(names.item[i] + 1) < 0) continue;
        char *path = path_join(folder, names.item[i]);
        status = directory_remove(path);
        free(path);
    }
    strings_release(&names);
    return status;
}

static int rename_directory(const char *from, const char *to) {
    if (!rename(from, to)) return path_sync(to);
    return error(EXIT_RUN, "cannot rename %s to %s: %s", from, to, strerror(errno));
}

int checkpoint_set_aside(const char *folder, int64_t step) {
    char *path = checkpoint_path(folder, step), *aside = xformat("%s/damaged-step-%" PRId64, folder, step);
    int status = directory_remove(aside);
    if (!status) status = rename_directory(path, aside);
    free(path);
    free(aside);
    return status;
}

// Renamed first, since what has a final name is whole. What a failure leaves of it, checkpoint_clean removes.
static int delete_one(const char *folder, int64_t step) {
    char *path = checkpoint_path(folder, step), *aside = checkpoint_aside(folder, step);
    int status = rename_directory(path, aside);
    if (!status) status = directory_remove(aside);
    free(path);
    free(aside);
    return status;
}

static int delete_beyond(const char *folder, int64_t keep) {
    int64_t *steps;
    int count, status = list_steps(folder, &steps, &count);
    for (int64_t i = keep; i < count && !status; i++) status = delete_one(folder, steps[i]);
    free(steps);
    return status;
}

int checkpoint_commit(const struct checkpoint *checkpoint, const char *folder, int64_t keep) {
    char *aside = checkpoint_aside(folder, checkpoint->step), *final = checkpoint_path(folder, checkpoint->step);
    int status = write_manifest(checkpoint, aside);
    if (!status) status = directory_sync(aside);
    if (!status) status = rename_directory(aside, final);
    if (!status) status = delete_beyond(folder, keep);
    free(aside);
    free(final);
    return status;
}
