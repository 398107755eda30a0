// Asked of the file system name by name, as folders may hold hundreds of thousands of files that nobody named.
#include "dataset/import/found.h"

#include <stdlib.h>

#include "base/fail.h"
#include "base/file.h"
#include "dataset/import/formats.h"

void found_report(const struct found *found, const char *list, const char *what) {
    if (found->named)
        note("%s: %lld of %lld %s are there", list, (long long)found->there, (long long)found->named, what);
}

void found_path(struct draft *draft, struct found *found, const struct importer *importer, const char *list,
                const struct strings *names) {
    char *first = NULL, *path = NULL;
    for (size_t i = 0; i < names->count && !path; i++) {
        char *candidate = draft_listed_path(importer, list, names->item[i]);
        if (file_exists(candidate))
            path = candidate;
        else if (!first)
            first = candidate;
        else
            free(candidate);
    }
    if (found) found->named++, found->there += path != NULL;
    buffer_text(&draft->path, path ? path : first ? first : "");
    free(first);
    free(path);
}

void found_video(struct draft *draft, struct found *found, const struct importer *importer, const char *list,
                 const struct strings *stems) {
    static const char *const suffixes[] = {VIDEO_SUFFIXES};
    struct strings names = {0};
    for (size_t i = 0; i < stems->count; i++)
        for (size_t k = 0; k < sizeof suffixes / sizeof *suffixes; k++) {
            char *name = xformat("%s%s", stems->item[i], suffixes[k]);
            strings_add_text(&names, name);
            free(name);
        }
    found_path(draft, found, importer, list, &names);
    strings_release(&names);
}
