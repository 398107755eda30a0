// Kinetics as it is published, a CSV of label, youtube_id, time_start, time_end and split with clips of those names,
// and as trainers list it, a path and a class apart by a blank. Classes of the CSV are its labels, sorted: those of
// training and validation are the same. Many videos are gone, which is the state of the set and not an error: their
// rows are left out by name, and what is there is counted.
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "dataset/import/csv.h"
#include "dataset/import/formats.h"
#include "dataset/import/found.h"
#include "dataset/import/rows.h"
#include "dataset/import/sorted.h"

#define LINE_BYTES_LIMIT (1u << 16)

enum column { LABEL, ID, START, END, SPLIT, COLUMNS };
static const char *const column_names[COLUMNS] = {"label", "youtube_id", "time_start", "time_end", "split"};

struct kinetics {
    struct importer *importer;
    const char *path;
    struct strings cell; // [rows, COLUMNS], empty where a row has none
    struct found found;
    struct draft draft;
};

static void keep_row(struct kinetics *kinetics, const struct csv *csv, const int place[COLUMNS]) {
    const char *wanted = kinetics->importer->options->split;
    const struct span split = csv_cell_or_none(csv, place[SPLIT]);
    if (wanted && place[SPLIT] >= 0 && (split.size != strlen(wanted) || memcmp(split.bytes, wanted, split.size)))
        return;
    for (int c = 0; c < COLUMNS; c++) {
        const struct span cell = csv_cell_or_none(csv, place[c]);
        strings_add(&kinetics->cell, cell.bytes, cell.size);
    }
}

static int read_rows(struct kinetics *kinetics) {
    struct csv csv;
    int place[COLUMNS];
    int status = csv_open(&csv, kinetics->path, 0);
    if (!status && csv_next(&csv)) {
        for (int c = 0; c < COLUMNS; c++) place[c] = csv_find(&csv, column_names[c]);
        while (csv_next(&csv)) keep_row(kinetics, &csv, place);
    }
    if (!status) status = csv.status;
    csv_close(&csv);
    return status;
}

static int name_classes(struct kinetics *kinetics) {
    struct strings labels = {0}, distinct = {0};
    for (size_t i = LABEL; i < kinetics->cell.count; i += COLUMNS)
        if (*kinetics->cell.item[i]) strings_add_text(&labels, kinetics->cell.item[i]);
    sorted_distinct(&distinct, &labels);
    int status = importer_classes(kinetics->importer, &distinct);
    strings_release(&labels);
    strings_release(&distinct);
    return status;
}

static void add_stem(struct strings *stems, const char *folder, const char *name) {
    char *stem = *folder ? xformat("%s/%s", folder, name) : xstrdup(name);
    strings_add_text(stems, stem);
    free(stem);
}

// Clips lie in one folder, or in one for each label, whose blanks may be underscores.
static void find_clip(struct kinetics *kinetics, char *const row[COLUMNS]) {
    struct strings stems = {0};
    char *name = xformat("%s_%06ld_%06ld", row[ID], (long)strtod(row[START], NULL), (long)strtod(row[END], NULL));
    char *label = xstrdup(row[LABEL]);
    for (char *c = label; *c; c++)
        if (*c == ' ') *c = '_';
    add_stem(&stems, "", name);
    add_stem(&stems, row[LABEL], name);
    add_stem(&stems, label, name);
    add_stem(&stems, "", row[ID]);
    buffer_text(&kinetics->draft.id, name);
    found_video(&kinetics->draft, &kinetics->found, kinetics->importer, kinetics->path, &stems);
    strings_release(&stems);
    free(name);
    free(label);
}

static void set_class(struct kinetics *kinetics, const char *label) {
    const struct strings *names = importer_class_names(kinetics->importer);
    if (!*label) return;
    kinetics->draft.class = names ? importer_key(names, label, strlen(label)) : -1;
    if (kinetics->draft.class < 0) draft_defect(&kinetics->draft, "its label \"%.40s\" is no class's name", label);
}

static int give_row(struct kinetics *kinetics, size_t number) {
    struct draft *draft = &kinetics->draft;
    char *const *row = kinetics->cell.item + number * COLUMNS;
    draft_clear(draft);
    buffer_format(&draft->name, "%s: clip %zu", kinetics->path, number);
    set_class(kinetics, row[LABEL]);
    if (*row[ID])
        find_clip(kinetics, row);
    else
        draft_defect(draft, "has no youtube_id");
    return rows_take(draft, kinetics->importer);
}

static int give_csv(struct kinetics *kinetics) {
    int status = read_rows(kinetics);
    for (int c = 0; c < COLUMNS; c++) importer_saw(kinetics->importer, column_names[c], strlen(column_names[c]));
    if (!status) status = name_classes(kinetics);
    for (size_t i = 0; i < kinetics->cell.count / COLUMNS && !status; i++) status = give_row(kinetics, i);
    return status;
}

// The class stands behind the last blank: names of videos have blanks.
static int give_line(struct kinetics *kinetics, const struct buffer *line, int64_t number) {
    struct draft *draft = &kinetics->draft;
    struct strings names = {0};
    const char *blank = strrchr(line->bytes, ' ');
    draft_clear(draft);
    buffer_format(&draft->name, "%s: line %lld", kinetics->path, (long long)number);
    if (blank) {
        strings_add(&names, line->bytes, (size_t)(blank - line->bytes));
        buffer_text(&draft->id, names.item[0]);
        draft_class(draft, blank + 1, strlen(blank + 1));
        found_path(draft, &kinetics->found, kinetics->importer, kinetics->path, &names);
    } else {
        draft_defect(draft, "has no class behind a blank");
    }
    strings_release(&names);
    return rows_take(draft, kinetics->importer);
}

// The first line tells which of the two a list is.
static int run_list(struct kinetics *kinetics) {
    struct stream *stream;
    struct buffer line = {0};
    bool is_csv = false;
    int status = stream_open(&stream, kinetics->path);
    if (status) return status;
    stream_skip_mark(stream);
    for (int64_t number = 1; !status && !is_csv && stream_line(stream, &line, LINE_BYTES_LIMIT); number++) {
        is_csv = number == 1 && strstr(line.bytes ? line.bytes : "", column_names[ID]);
        if (line.size && !is_csv) status = give_line(kinetics, &line, number);
    }
    if (!status) status = stream_status(stream);
    stream_close(&stream);
    buffer_release(&line);
    return !status && is_csv ? give_csv(kinetics) : status;
}

static int run(struct importer *importer, const char *path) {
    struct kinetics kinetics = {.importer = importer, .path = path};
    int status = run_list(&kinetics);
    if (!status) found_report(&kinetics.found, path, "videos");
    strings_release(&kinetics.cell);
    draft_release(&kinetics.draft);
    return status;
}

const struct import_format import_kinetics = {
    .name = "kinetics",
    .summary = "Kinetics: a CSV with label, youtube_id, time_start, time_end, split; or lines of a path and a class",
    .keys = "columns",
    .run = run,
};
