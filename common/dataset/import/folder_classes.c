// A class's number is its place among the classes that are there and wanted: ImageNet-A and -R have 200 synsets each of
// the thousand, not the same ones, and are measured among these. A list of names that two classes share, as ImageNet's
// has sunglasses and missile twice, stays so; only by label are folders of one name one class.
#include "dataset/import/folder_classes.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/text.h"
#include "dataset/import/name_map.h"
#include "dataset/import/sorted.h"

struct making {
    struct importer *importer;
    enum folder_class_rule rule;
    const char *root, *where, *what; // that are its classes: folders of the root, or names in a list
    struct name_map map;
    struct strings kept, names; // names of classes, in their order
    struct folder_classes *classes;
};

static void list_folders(struct strings *folders, const char *root, const struct strings *names) {
    for (size_t i = 0; i < names->count; i++) {
        char *path = path_join(root, names->item[i]);
        if (*names->item[i] != '.' && directory_exists(path)) strings_add_text(folders, names->item[i]);
        free(path);
    }
    sorted(folders);
}

// What the map says of a folder, or its own name. NULL: reported.
static const char *label_of(const struct making *making, const char *folder) {
    const char *label = making->map.key.count ? name_map_find(&making->map, folder) : folder;
    if (!label)
        error(EXIT_DATA, "%s/%s: %s has no line for it", making->where, folder, making->importer->options->class_map);
    return label;
}

static bool is_wanted(const struct making *making, const char *name) {
    return !making->kept.count || importer_key(&making->kept, name, strlen(name)) >= 0;
}

// Prompts are made of names, which are mostly written small there.
static void add_lower(struct strings *names, const char *name) {
    struct buffer lower = {0};
    buffer_text(&lower, "");
    text_lower(&lower, name, strlen(name));
    strings_add_text(names, lower.bytes);
    buffer_release(&lower);
}

static int number_synsets(struct making *making) {
    const struct strings *folders = &making->classes->folder;
    for (size_t i = 0; i < folders->count; i++) {
        if (!is_wanted(making, folders->item[i])) continue;
        const char *label = label_of(making, folders->item[i]);
        if (!label) return -EXIT_DATA;
        making->classes->class[i] = (int64_t)making->names.count;
        strings_add_text(&making->names, label);
    }
    return 0;
}

// "10" is behind "9", whatever order a folder's names are listed in.
static int read_numbers(struct making *making) {
    const struct strings *folders = &making->classes->folder;
    for (size_t i = 0; i < folders->count; i++) {
        char *end;
        const long number = strtol(folders->item[i], &end, 10);
        if (*end || !isdigit((unsigned char)*folders->item[i]) || number < 0)
            return error(EXIT_DATA, "%s/%s: its name is no number; --classes synset or name takes such %s",
                         making->where, folders->item[i], making->what);
        making->classes->class[i] = number;
    }
    return 0;
}

// The labels of folders that are wanted, each once.
static int list_labels(struct making *making, struct strings *distinct) {
    const struct strings *folders = &making->classes->folder;
    struct strings labels = {0};
    int status = 0;
    for (size_t i = 0; i < folders->count && !status; i++) {
        const char *label = label_of(making, folders->item[i]);
        if (!label)
            status = -EXIT_DATA;
        else if (is_wanted(making, label))
            strings_add_text(&labels, label);
    }
    if (!status) sorted_distinct(distinct, &labels);
    strings_release(&labels);
    return status;
}

static int number_labels(struct making *making) {
    const struct strings *folders = &making->classes->folder;
    struct strings labels = {0};
    int status = list_labels(making, &labels);
    for (size_t i = 0; i < folders->count && !status; i++) {
        const char *label = label_of(making, folders->item[i]);
        making->classes->class[i] = importer_key(&labels, label, strlen(label));
    }
    for (size_t i = 0; i < labels.count; i++) add_lower(&making->names, labels.item[i]);
    strings_release(&labels);
    return status;
}

static int read_lists(struct making *making) {
    const struct import_options *options = making->importer->options;
    int status = options->class_map ? name_map_read(&making->map, options->class_map) : 0;
    if (!status && options->file_classes)
        status = file_classes_read(&making->classes->files, making->importer, options->file_classes, making->root);
    if (!status && options->kept_classes) status = name_list_read(&making->kept, options->kept_classes);
    return status;
}

static int find_folders(struct making *making) {
    struct strings names = {0};
    const struct file_classes *files = &making->classes->files;
    int status = files->count ? 0 : directory_list(making->root, &names);
    for (size_t i = 0; i < files->count; i++) strings_add_text(&names, files->entry[i].class);
    if (files->count)
        sorted_distinct(&making->classes->folder, &names);
    else if (!status)
        list_folders(&making->classes->folder, making->root, &names);
    strings_release(&names);
    return status;
}

static int number_all(struct making *making) {
    static int (*const number[])(struct making *) = {[FOLDER_CLASSES_SYNSET] = number_synsets,
                                                     [FOLDER_CLASSES_NUMBER] = read_numbers,
                                                     [FOLDER_CLASSES_NAME] = number_labels};
    int status = find_folders(making);
    making->classes->class = xcalloc(making->classes->folder.count + 1, sizeof *making->classes->class);
    for (size_t i = 0; i < making->classes->folder.count; i++) making->classes->class[i] = -1;
    if (!status && !making->classes->folder.count)
        status = error(EXIT_DATA, "%s: has no folders, of which --classes makes classes", making->root);
    return status ? status : number[making->rule](making);
}

// A list of another length is of other folders, and every number behind the first difference would be wrong.
static int take_names(const struct making *making) {
    const struct strings *given = making->importer->options->class_names;
    const size_t count = making->names.count;
    if (!count) return 0;
    if (given && given->count != count)
        return error(EXIT_DATA, "%s: its %s are %zu classes, and --class-names has %zu names", making->where,
                     making->what, count, given->count);
    note("%s: %zu classes in %zu %s", making->where, count, making->classes->folder.count, making->what);
    return importer_classes(making->importer, &making->names);
}

int folder_classes_begin(struct folder_classes *classes, struct importer *importer, const char *root) {
    const char *list = importer->options->file_classes;
    *classes = (struct folder_classes){.class = NULL};
    struct making making = {.importer = importer,
                            .rule = importer->options->folder_classes,
                            .root = root,
                            .where = list ? list : root,
                            .what = list ? "names" : "folders",
                            .classes = classes};
    if (making.rule == FOLDER_CLASSES_NONE) return 0;
    int status = read_lists(&making);
    if (!status) status = number_all(&making);
    if (!status) status = take_names(&making);
    name_map_release(&making.map);
    strings_release(&making.kept);
    strings_release(&making.names);
    return status;
}

void folder_classes_end(struct folder_classes *classes) {
    strings_release(&classes->folder);
    file_classes_release(&classes->files);
    free(classes->class);
}

// -1: it is in none.
static int folder_of(const struct folder_classes *classes, const char *path) {
    const char *listed = file_classes_find(&classes->files, path), *name = listed ? listed : path;
    const size_t length = listed ? strlen(listed) : strcspn(path, "/");
    const bool is_below = path[strcspn(path, "/")];
    return listed || (is_below && !classes->files.count) ? importer_key(&classes->folder, name, length) : -1;
}

void folder_classes_mark(const struct folder_classes *classes, struct draft *draft, const char *path) {
    if (!classes->class) return;
    const bool has_list = classes->files.count;
    const int folder = folder_of(classes, path);
    if (folder < 0)
        draft_defect(draft, has_list ? "has no line in the list of classes" : "lies in no folder that is a class");
    else if (classes->class[folder] < 0)
        draft_defect(draft, "its %s \"%s\" is of no class that is wanted", has_list ? "name" : "folder",
                     classes->folder.item[folder]);
    else
        draft->class = classes->class[folder];
}
