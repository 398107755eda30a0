// A list with the class of each picture of a folder: what ImageNet's validation set, all in one folder, comes with.
#pragma once

#include "dataset/import/importer.h"

// Zero-initialise; release with file_classes_release.
struct file_classes {
    struct file_class {
        char *name, *class; // the picture's path below the root, without suffix
    } * entry;              // [count], by name
    size_t count;
};
// Reads lines of a name and a class, apart by a tab, comma or blank, behind which there may be more (Kaggle's boxes);
// or of a class alone, for the pictures right under `root`, sorted by name. 0 or -EXIT_DATA, reported.
int file_classes_read(struct file_classes *files, const struct importer *importer, const char *path, const char *root);
void file_classes_release(struct file_classes *files);

const char *file_classes_find(const struct file_classes *files, const char *name); // NULL: it is not there
