// Files beside a picture, found by its name and a suffix whose letters may be of either case.
#pragma once

#include "dataset/import/importer.h"

struct beside;
// An index of `folder` for the importer's caption, label and class keys.
struct beside *beside_new(const char *folder, const struct importer *importer);
void beside_free(struct beside *beside); // NULL is nothing

// The file "STEM.KEY", as spelled or with letters of the other case in KEY; the caller frees. NULL if there is none.
char *beside_find(const struct beside *beside, const char *stem, const char *key);
