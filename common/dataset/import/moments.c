// Moments in Time: a CSV without a header, file and label first, and the categories' numbers in a list of their own:
// 339 of them in the paper, 305 in the present release, so the list says which.
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "dataset/import/csv.h"
#include "dataset/import/formats.h"
#include "dataset/import/found.h"
#include "dataset/import/name_map.h"
#include "dataset/import/rows.h"

struct moments {
    struct importer *importer;
    const char *path;
    struct name_map categories; // name, number
    struct found found;
    struct draft draft;
};

// "adult+female+singing" is what a folder is called.
static char *words_of(const char *category) {
    char *words = xstrdup(category);
    for (char *c = words; *c; c++)
        if (*c == '+') *c = ' ';
    return words;
}

// Each number from 0 on once.
static int name_classes(const struct moments *moments, const char *list) {
    const size_t count = moments->categories.key.count;
    struct strings names = {0};
    char number[32];
    int status = 0;
    for (size_t i = 0; i < count && !status; i++) {
        snprintf(number, sizeof number, "%zu", i);
        const int place = importer_key(&moments->categories.value, number, strlen(number));
        if (place < 0) {
            status = error(EXIT_DATA, "%s: has %zu categories, and none has the number %zu", list, count, i);
        } else {
            char *words = words_of(moments->categories.key.item[place]);
            strings_add_text(&names, words);
            free(words);
        }
    }
    if (!status) note("%s: %zu categories", list, count);
    if (!status) status = importer_classes(moments->importer, &names);
    strings_release(&names);
    return status;
}

static int read_categories(struct moments *moments) {
    const char *given = moments->importer->options->class_map;
    char *list = given ? xstrdup(given) : path_beside(moments->path, "moments_categories.txt");
    int status = name_map_read(&moments->categories, list);
    if (!status) status = name_classes(moments, list);
    free(list);
    return status;
}

static void find_clip(struct moments *moments, const char *file, const char *label) {
    struct strings names = {0};
    char *in_folder = xformat("%s/%s", label, file);
    strings_add_text(&names, file);
    strings_add_text(&names, in_folder);
    buffer_text(&moments->draft.id, file);
    found_path(&moments->draft, &moments->found, moments->importer, moments->path, &names);
    strings_release(&names);
    free(in_folder);
}

static char *cell_text(const struct csv *csv, int cell) {
    const struct span text = csv_cell_or_none(csv, cell);
    return xstrndup(text.bytes, text.size);
}

static int give_row(struct moments *moments, const struct csv *csv) {
    struct draft *draft = &moments->draft;
    char *file = cell_text(csv, 0), *label = cell_text(csv, 1);
    const char *number = name_map_find(&moments->categories, label);
    draft_clear(draft);
    buffer_format(&draft->name, "%s: line %lld", moments->path, (long long)csv->line);
    if (number)
        draft_class(draft, number, strlen(number));
    else
        draft_defect(draft, "its label \"%.40s\" is no category", label);
    if (*file) find_clip(moments, file, label);
    free(file);
    free(label);
    return rows_take(draft, moments->importer);
}

static int run(struct importer *importer, const char *path) {
    struct moments moments = {.importer = importer, .path = path};
    struct csv csv;
    int status = read_categories(&moments);
    if (!status) {
        status = csv_open(&csv, path, ',');
        while (!status && csv_next(&csv)) status = give_row(&moments, &csv);
        if (!status) status = csv.status;
        csv_close(&csv);
    }
    if (!status) found_report(&moments.found, path, "videos");
    name_map_release(&moments.categories);
    draft_release(&moments.draft);
    return status;
}

const struct import_format import_moments = {
    .name = "moments",
    .summary = "Moments in Time: a CSV of file and label; moments_categories.txt beside it, or --class-map",
    .keys = "columns",
    .run = run,
};
