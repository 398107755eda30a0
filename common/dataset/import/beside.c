// Cameras and Windows write A.JPG, and people A.TXT beside it. File systems find names by their exact spelling, so what
// folder.c asks for is looked up so first, and then in a list of the folder's names that are spelled otherwise: mostly
// an empty one.
#include "dataset/import/beside.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "dataset/import/sorted.h"

// Sorted: "NAME/SPELLED", as NAME is asked for and as the file is spelled.
struct beside {
    struct beside *above;
    struct strings names;
};

static void add_spelled(struct beside *beside, const char *name, const struct strings *keys) {
    for (size_t i = 0; i < keys->count; i++) {
        const size_t size = strlen(name), tail = strlen(keys->item[i]);
        if (size <= tail || name[size - tail - 1] != '.' || !text_ends_alike(name, keys->item[i])) continue;
        if (text_ends(name, keys->item[i])) continue;
        char *entry = xformat("%.*s%s/%s", (int)(size - tail), name, keys->item[i], name);
        strings_add_text(&beside->names, entry);
        free(entry);
    }
}

int beside_enter(struct beside **beside, const char *folder, const struct importer *importer) {
    struct beside *new = xcalloc(1, sizeof *new);
    struct strings names = {0};
    int status = directory_list(folder, &names);
    for (size_t i = 0; i < names.count; i++) {
        add_spelled(new, names.item[i], &importer->caption_keys);
        add_spelled(new, names.item[i], &importer->label_keys);
        add_spelled(new, names.item[i], &importer->class_keys);
    }
    strings_release(&names);
    sorted(&new->names);
    new->above = *beside;
    *beside = new;
    return status;
}

void beside_leave(struct beside **beside) {
    struct beside *old = *beside;
    *beside = old->above;
    strings_release(&old->names);
    free(old);
}

// The first entry that begins with `name`/.
static const char *find_spelled(const struct strings *names, const char *name) {
    size_t low = 0, high = names->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(names->item[middle], name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < names->count && text_begins(names->item[low], name) ? names->item[low] + strlen(name) : NULL;
}

char *beside_find(const struct beside *beside, const char *stem, const char *key) {
    char *path = xformat("%s.%s", stem, key);
    if (file_exists(path)) return path;
    char *name = xformat("%s/", path_base(path));
    const char *spelled = find_spelled(&beside->names, name);
    char *found = spelled ? path_beside(path, spelled) : NULL;
    free(name);
    free(path);
    return found;
}
