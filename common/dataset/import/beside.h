// Files beside a picture, found by its name and a suffix whose letters may be of either case.
#pragma once

#include "dataset/import/importer.h"

// The folder that a walk is in, and above it those that it came through; NULL: none.
struct beside;
// Indexes `folder` for the importer's caption, label and class keys. 0 or -EXIT_DATA, reported; either way it is left.
int beside_enter(struct beside **beside, const char *folder, const struct importer *importer);
void beside_leave(struct beside **beside);

// The file "STEM.KEY", as spelled or with letters of the other case in KEY; the caller frees. NULL if there is none.
char *beside_find(const struct beside *beside, const char *stem, const char *key);
