// Files that a list names by something else than their path: each reader knows several ways in which people keep them.
#pragma once

#include "dataset/import/draft.h"

// How many of the files that lists name are there. Collections of videos lose some with every year.
struct found {
    int64_t named, there;
};
void found_report(const struct found *found, const char *list, const char *what); // a note

// Sets draft->path to the first of `names`, under images_root or beside the list, that is a file; to the first one when
// none is, so that the defect of the sample names it. `found` may be NULL.
void found_path(struct draft *draft, struct found *found, const struct importer *importer, const char *list,
                const struct strings *names);
// The same for videos, whose names have no suffix yet: each is tried with each.
void found_video(struct draft *draft, struct found *found, const struct importer *importer, const char *list,
                 const struct strings *stems);
