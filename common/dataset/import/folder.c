// A folder, walked in the order of its names, so that the same folder packs to the same dataset: each picture with the
// text files beside it that have its name. Links are followed. What is no picture and beside none is passed over, its
// suffix noted for the report if nothing matches. Folders directly under it may be classes (folder_classes.c).
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/text.h"
#include "dataset/import/beside.h"
#include "dataset/import/draft.h"
#include "dataset/import/folder_classes.h"
#include "dataset/import/formats.h"
#include "dataset/load.h"

#define TEXT_BYTES_LIMIT (1u << 20)

struct walk {
    struct importer *importer;
    const char *root;
    struct beside *beside;         // of the folder that is walked through, above it those that it is in
    struct folder_classes classes; // none unless asked for
    struct draft draft;
    struct buffer text;
};

// The length of `path` before its last dot, and the suffix behind it in lower case; the whole path when it has none.
// The last dot, unlike tar.c's first: names of files hold dots, keys of webdataset none.
static size_t split_suffix(struct buffer *suffix, const char *path) {
    const char *dot = strrchr(path_base(path), '.');
    buffer_clear(suffix);
    text_lower(suffix, dot ? dot + 1 : "", dot ? strlen(dot + 1) : 0);
    return dot ? (size_t)(dot - path) : strlen(path);
}

// Reads the text file beside a picture whose suffix is `key` into walk->text; false if there is none.
static bool read_beside(struct walk *walk, const char *stem, const char *key) {
    char *path = beside_find(walk->beside, stem, key);
    char *defect = path ? load_file(&walk->text, path, TEXT_BYTES_LIMIT, NULL) : NULL;
    if (defect) draft_defect(&walk->draft, "%s %s", path, defect);
    const bool read = path && !defect;
    free(defect);
    free(path);
    return read;
}

static void add_texts(struct walk *walk, const char *stem, const struct strings *keys, struct texts *texts) {
    for (size_t i = 0; i < keys->count; i++)
        if (read_beside(walk, stem, keys->item[i]))
            draft_lines(texts, walk->text.bytes, walk->text.size, walk->importer->options->first_line);
}

// The first key that has a file, in the order of the list.
static void add_class(struct walk *walk, const char *stem) {
    const struct strings *keys = &walk->importer->class_keys;
    for (size_t i = 0; i < keys->count && walk->draft.class < 0; i++)
        if (read_beside(walk, stem, keys->item[i])) draft_class(&walk->draft, walk->text.bytes, walk->text.size);
}

// The id is the path below the root without suffix: it stays the same when the folder is moved.
static int give_picture(struct walk *walk, const char *path, size_t stem_length) {
    struct draft *draft = &walk->draft;
    const size_t root_length = strlen(walk->root) + 1;
    char *stem = xstrndup(path, stem_length);
    draft_clear(draft);
    buffer_text(&draft->name, path);
    buffer_text(&draft->id, stem + root_length);
    folder_classes_mark(&walk->classes, draft, stem + root_length);
    if (!draft->defect) draft_picture_file(draft, walk->importer, path);
    add_texts(walk, stem, &walk->importer->caption_keys, &draft->captions);
    add_texts(walk, stem, &walk->importer->label_keys, &draft->labels);
    add_class(walk, stem);
    free(stem);
    return draft_give(draft, walk->importer);
}

// A folder that cannot be read is an error: part of a folder is another dataset.
static int visit(struct walk *walk, const FTSENT *entry) {
    if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS)
        return error(EXIT_DATA, "%s: cannot be read: %s", entry->fts_path, strerror(entry->fts_errno));
    if (entry->fts_info != FTS_F) return 0;
    const size_t stem = split_suffix(&walk->text, entry->fts_path);
    importer_saw(walk->importer, walk->text.bytes, walk->text.size);
    if (importer_key(&walk->importer->image_keys, walk->text.bytes, walk->text.size) < 0) return 0;
    return give_picture(walk, entry->fts_path, stem);
}

static int by_name(const FTSENT **a, const FTSENT **b) {
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

// fts tells of a folder before and behind what is in it.
static int step(struct walk *walk, const FTSENT *entry) {
    if (entry->fts_info == FTS_D) return beside_enter(&walk->beside, entry->fts_path, walk->importer);
    if (entry->fts_info == FTS_DP) beside_leave(&walk->beside);
    return visit(walk, entry);
}

static int walk_tree(struct walk *walk) {
    FTSENT *entry;
    int status = 0;
    FTS *tree = fts_open((char *const[]){(char *)walk->root, NULL}, FTS_LOGICAL | FTS_NOCHDIR, by_name);
    while (tree && !status && (entry = fts_read(tree))) status = step(walk, entry);
    // fts_read sets errno to 0 at the end of the tree.
    if (!status && (!tree || errno)) status = error(EXIT_DATA, "%s: cannot be read: %s", walk->root, strerror(errno));
    if (tree) fts_close(tree);
    while (walk->beside) beside_leave(&walk->beside);
    return status;
}

static int run(struct importer *importer, const char *path) {
    if (!directory_exists(path)) return error(EXIT_DATA, "%s: no such folder", path);
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    char *root = xstrndup(path, length);
    struct walk walk = {.importer = importer, .root = root};
    int status = folder_classes_begin(&walk.classes, importer, root);
    if (!status) status = walk_tree(&walk);
    folder_classes_end(&walk.classes);
    draft_release(&walk.draft);
    buffer_release(&walk.text);
    free(root);
    return status;
}

const struct import_format import_folder = {
    .name = "folder",
    .summary = "a folder of pictures or videos, each with a text file beside it that has its name",
    .keys = "suffixes",
    .has_suffixes = true,
    .image_key = PICTURE_SUFFIXES,
    .caption_key = "txt",
    .class_key = "cls",
    .run = run,
};
