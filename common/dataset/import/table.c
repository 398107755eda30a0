// A list with a row per picture, comma- or tab-separated: open_clip's CSV and its relatives. Columns are found by the
// names of the header, or of --columns where there is none, as the key lists ask; csv.c cuts rows into cells.
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "dataset/import/csv.h"
#include "dataset/import/draft.h"
#include "dataset/import/formats.h"
#include "dataset/import/rows.h"

// The columns that keys name: [count] cell numbers.
struct columns {
    int *cell, count;
};

struct table {
    struct importer *importer;
    struct csv csv;
    struct strings names; // of the columns
    struct columns image, captions, labels, class;
    struct draft draft;
};

// Without the blanks around it: Flickr30k's list has "image_name| comment_number| comment".
static struct span column_name(const char *name, size_t size) {
    while (size && name[size - 1] == ' ') size--;
    while (size && *name == ' ') name++, size--;
    return (struct span){name, size};
}

// --columns says that the first row is data already; else it is the header, and is used up.
static void name_columns(struct table *table) {
    const char *columns = table->importer->options->columns;
    for (const char *rest = columns; rest && *rest;) {
        const size_t length = strcspn(rest, ";,");
        strings_add(&table->names, rest, length);
        rest += length + (rest[length] != 0);
    }
    if (columns || !csv_next(&table->csv)) return;
    for (int i = 0; i < table->csv.cells; i++) {
        const struct span cell = csv_cell(&table->csv, i), name = column_name(cell.bytes, cell.size);
        strings_add(&table->names, name.bytes, name.size);
    }
}

// A key without a column is only noted: of several keys some may be of other lists. A key may name several columns.
static struct columns find_columns(const struct table *table, const struct strings *keys) {
    struct columns columns = {xcalloc(keys->count * table->names.count + 1, sizeof *columns.cell), 0};
    for (size_t i = 0; i < keys->count; i++) {
        const struct span key = column_name(keys->item[i], strlen(keys->item[i]));
        const int before = columns.count;
        for (size_t c = 0; c < table->names.count; c++)
            if (strlen(table->names.item[c]) == key.size && !memcmp(table->names.item[c], key.bytes, key.size))
                columns.cell[columns.count++] = (int)c;
        if (columns.count == before) note("%s: has no column %s", table->csv.path, keys->item[i]);
    }
    return columns;
}

// Told before any row is read: without a picture's column, or any of texts, no row can match.
static int map_columns(struct table *table) {
    struct importer *importer = table->importer;
    for (size_t i = 0; i < table->names.count; i++)
        importer_saw(importer, table->names.item[i], strlen(table->names.item[i]));
    table->image = find_columns(table, &importer->image_keys);
    table->captions = find_columns(table, &importer->caption_keys);
    table->labels = find_columns(table, &importer->label_keys);
    table->class = find_columns(table, &importer->class_keys);
    const bool has_text = table->captions.count + table->labels.count + table->class.count;
    return table->image.count && has_text ? 0 : importer_nothing(importer);
}

// An empty cell is no text: rows of such lists have no other way to leave one out.
static void add_cells(struct table *table, const struct columns *columns,
                      void (*add)(struct draft *draft, const void *text, size_t size)) {
    for (int i = 0; i < columns->count; i++) {
        const struct span text = csv_cell(&table->csv, columns->cell[i]);
        if (text.size) add(&table->draft, text.bytes, text.size);
    }
}

// The first of the columns that is not empty: a row has one picture and one class.
static struct span first_cell(const struct table *table, const struct columns *columns) {
    struct span text = {0};
    for (int i = 0; i < columns->count && !text.size; i++) text = csv_cell(&table->csv, columns->cell[i]);
    return text;
}

// A row with fewer cells than columns has lost a separator or gained a line end, one with more has a text with
// separators and without quotes: it is not known which cell is which. Empty cells at the end are of spreadsheets, which
// make all rows equally long, and hold nothing.
static bool has_columns(const struct table *table) {
    int cells = table->csv.cells;
    while ((size_t)cells > table->names.count && !csv_cell(&table->csv, cells - 1).size) cells--;
    return (size_t)cells == table->names.count;
}

static int give_row(struct table *table) {
    struct draft *draft = &table->draft;
    draft_clear(draft);
    buffer_format(&draft->name, "%s: line %lld", table->csv.path, (long long)table->csv.line);
    if (!has_columns(table)) {
        draft_defect(draft, "has %d cells under %zu columns; a text with separators in it belongs in quotes",
                     table->csv.cells, table->names.count);
        return rows_take(draft, table->importer);
    }
    const struct span picture = first_cell(table, &table->image), class = first_cell(table, &table->class);
    draft_listed_picture(draft, table->importer, table->csv.path, picture.bytes, picture.size);
    add_cells(table, &table->captions, draft_caption);
    add_cells(table, &table->labels, draft_label);
    if (class.size) draft_class(draft, class.bytes, class.size);
    return rows_take(draft, table->importer);
}

static int read_table(struct table *table) {
    name_columns(table);
    int status = table->csv.status;
    if (!status) status = map_columns(table);
    while (!status && csv_next(&table->csv)) status = give_row(table);
    return status ? status : table->csv.status;
}

static int run(struct importer *importer, const char *path) {
    const char *separator = importer->options->separator;
    if (separator && !strcmp(separator, "\\t")) separator = "\t";
    if (separator && strlen(separator) != 1)
        return error(EXIT_USAGE, "the separator \"%s\" is not one character", separator);
    struct table table = {.importer = importer};
    int status = csv_open(&table.csv, path, separator ? *separator : 0);
    if (!status) status = read_table(&table);
    csv_close(&table.csv);
    strings_release(&table.names);
    free(table.image.cell);
    free(table.captions.cell);
    free(table.labels.cell);
    free(table.class.cell);
    draft_release(&table.draft);
    return status;
}

const struct import_format import_csv = {
    .name = "csv",
    .summary = "a list with a picture's path and its captions in each row, comma- or tab-separated",
    .keys = "columns",
    .image_key = "filepath",
    .caption_key = "title",
    .run = run,
};
