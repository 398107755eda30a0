// Folders that are classes: ImageNet's by synset, V2's by number, ObjectNet's by label, and anybody's by name. A list
// of pictures may say which folder each would be in, where all are in one.
#pragma once

#include "dataset/import/draft.h"
#include "dataset/import/file_classes.h"

// Zero-initialised and begun without folder classes, it has none.
struct folder_classes {
    struct strings folder;     // under the root or in the list, sorted
    int64_t *class;            // [folder.count], -1: its pictures are left out
    struct file_classes files; // of none there are folders
};
// Looks through the folders under `root`, and hands the classes' names to the importer. 0 or -exit_code, reported.
int folder_classes_begin(struct folder_classes *classes, struct importer *importer, const char *root);
void folder_classes_end(struct folder_classes *classes);

// The class of a picture at `path` below the root, without its suffix, or a defect.
void folder_classes_mark(const struct folder_classes *classes, struct draft *draft, const char *path);
