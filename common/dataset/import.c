// Drives an import: options taken apart into key lists, paths unfolded, one format's reader run over them. coca-pack
// calls it, and gets every sample through a sink. A format is a file of import/ with a row here; what it reads of a
// picture, and what makes a record of it, are its own and the sink's.
#include "dataset/import.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "dataset/import/formats.h"
#include "dataset/import/importer.h"
#include "dataset/import/paths.h"
#include "dataset/import/rows.h"

const struct import_format *const import_formats[] = {
    &import_folder,  &import_idx, &import_csv,     &import_jsonl, &import_tar,   &import_coco,     &import_benchmark,
    &import_dataset, &import_vqa, &import_snli_ve, &import_nlvr2, &import_lavis, &import_kinetics, &import_moments,
    &import_msrvtt,  NULL,
};

const struct import_format *import_find(const char *name) {
    for (const struct import_format *const *format = import_formats; *format; format++)
        if (!strcmp((*format)->name, name)) return *format;
    return NULL;
}

// Appends the parts of a list like "jpg;png", `fallback` when it is not given.
static void split_keys(const struct importer *importer, struct strings *keys, const char *list, const char *fallback) {
    struct buffer text = {0};
    const char *all = list ? list : fallback ? fallback : "";
    if (importer->format->has_suffixes)
        text_lower(&text, all, strlen(all));
    else
        buffer_text(&text, all);
    for (const char *rest = text.bytes; *rest;) {
        const size_t length = strcspn(rest, ";");
        if (length) strings_add(keys, rest, length);
        rest += length + (rest[length] == ';');
    }
    buffer_release(&text);
}

// Keys that a format does not know (NULL) stay empty lists, and nothing is found by them.
static void begin(struct importer *importer) {
    const struct import_format *format = importer->format;
    const struct import_options *options = importer->options;
    split_keys(importer, &importer->image_keys, options->image_key, format->image_key);
    split_keys(importer, &importer->caption_keys, options->caption_key, format->caption_key);
    split_keys(importer, &importer->label_keys, options->label_key, NULL);
    split_keys(importer, &importer->class_keys, options->class_key, format->class_key);
}

static void release(struct importer *importer) {
    strings_release(&importer->image_keys);
    strings_release(&importer->caption_keys);
    strings_release(&importer->label_keys);
    strings_release(&importer->class_keys);
    strings_release(&importer->classes);
    strings_release(&importer->seen.keys);
    free(importer->seen.defect);
    rows_free(&importer->rows);
}

// A run that gave no sample with picture and text is an error: the keys were wrong, and an empty dataset would say so
// later and less clearly. importer.c stops earlier where there are many.
static int run_all(struct importer *importer, const struct strings *paths) {
    int status = 0;
    for (size_t i = 0; i < paths->count && !status; i++) {
        importer->turn = i;
        importer->path = paths->item[i];
        status = importer->format->run(importer, importer->path);
    }
    if (!status) status = rows_give(importer);
    if (!status && !importer->seen.matched) status = importer_nothing(importer);
    struct strings *found = importer->options->found_classes;
    for (size_t i = 0; found && i < importer->classes.count; i++) strings_add_text(found, importer->classes.item[i]);
    return status;
}

static int add_path(struct strings *paths, const char *path) {
    strings_add_text(paths, path);
    return 0;
}

// All paths are unfolded before the first is read: a mistake in the last one is told at once.
int import_run(const struct import_format *format, const struct import_options *options, const struct strings *paths,
               import_sink *sink, void *context) {
    struct importer importer = {.format = format, .options = options, .sink = sink, .context = context};
    struct strings all = {0};
    int status = 0;
    for (size_t i = 0; i < paths->count && !status; i++)
        status = options->shards ? add_path(&all, paths->item[i]) : paths_expand(&all, paths->item[i]);
    if (!status && !all.count) status = error(EXIT_USAGE, "nothing to read: give a path");
    if (!status) {
        begin(&importer);
        status = run_all(&importer, &all);
        release(&importer);
    }
    strings_release(&all);
    return status;
}

int import_stretch(const struct import_options *options, const char *name, struct span bytes, import_sink *sink,
                   void *context) {
    struct importer importer = {
        .format = &import_tar, .options = options, .sink = sink, .context = context, .path = name, .by_names = true};
    begin(&importer);
    int status = tar_run_bytes(&importer, name, bytes);
    release(&importer);
    return status;
}
