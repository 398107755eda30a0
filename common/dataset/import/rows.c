// Gathers the rows of a picture into one sample: if each were a record of its own, a picture would be trained on and
// held out at once, and retrieval would count its other captions as wrong. Rows of a picture may stand anywhere, so
// what lists say is kept until they end, encoded as records (dataset/record.h) one behind the other: its memory is that
// of the lists' texts. Pictures are read only when they are given.
#include "dataset/import/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define LATER SIZE_MAX

// "name\0defect\0path\0" and the record at `at`. The first row of a picture knows the last one, LATER of all others.
struct row {
    size_t at, size, next, last;
};

struct rows {
    struct buffer bytes;
    struct row *row;
    size_t count, capacity;
    size_t *slot; // [slots] by the path's hash: a picture's first row + 1, 0: free
    size_t slots; // a power of two, more than the pictures
    size_t pictures;
    struct draft draft; // of the sample being given
};

struct row_texts {
    const char *name, *defect, *path;
    struct span record;
};

static struct row_texts texts_of(const struct rows *rows, size_t row) {
    struct row_texts texts = {.name = rows->bytes.bytes + rows->row[row].at};
    texts.defect = texts.name + strlen(texts.name) + 1;
    texts.path = texts.defect + strlen(texts.defect) + 1;
    texts.record.bytes = texts.path + strlen(texts.path) + 1;
    texts.record.size = rows->row[row].size;
    return texts;
}

// Where the picture's first row stands, or is to stand.
static size_t *find_slot(const struct rows *rows, const char *path) {
    size_t at = hash_text(path, 0) & (rows->slots - 1);
    while (rows->slot[at] && strcmp(texts_of(rows, rows->slot[at] - 1).path, path)) at = (at + 1) & (rows->slots - 1);
    return &rows->slot[at];
}

static void grow_slots(struct rows *rows) {
    if (2 * rows->pictures < rows->slots) return;
    free(rows->slot);
    rows->slots = rows->slots ? 2 * rows->slots : 1024;
    rows->slot = xcalloc(rows->slots, sizeof *rows->slot);
    for (size_t i = 0; i < rows->count; i++) {
        const struct row_texts texts = texts_of(rows, i);
        if (rows->row[i].last != LATER && *texts.path) *find_slot(rows, texts.path) = i + 1;
    }
}

// "./a" and "b//a/./c" are "a" and "b/a/c": lists of one data set may differ in how they spell a path.
static void append_path(struct buffer *out, const char *path) {
    for (const char *at = path; *at; at++) {
        const bool begins_part = at == path || at[-1] == '/';
        if (begins_part && at > path && *at == '/') continue;
        if (begins_part && at[0] == '.' && at[1] == '/')
            at++;
        else
            buffer_append(out, at, 1);
    }
    buffer_append(out, "", 1);
}

static void append_row(struct rows *rows, const struct draft *draft) {
    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity ? 2 * rows->capacity : 1024;
        rows->row = xrealloc_array(rows->row, rows->capacity, sizeof *rows->row);
    }
    struct row *row = &rows->row[rows->count];
    const struct record record = draft_record(draft);
    const char *defect = draft->defect ? draft->defect : "";
    *row = (struct row){.at = rows->bytes.size, .last = rows->count};
    buffer_append(&rows->bytes, draft->name.bytes, draft->name.size + 1);
    buffer_append(&rows->bytes, defect, strlen(defect) + 1);
    append_path(&rows->bytes, draft->defect ? "" : draft->path.bytes);
    row->size = rows->bytes.size;
    record_encode(&record, &rows->bytes);
    row->size = rows->bytes.size - row->size;
    rows->count++;
}

// A row with a defect has no path here, and so belongs to no other.
static void keep(struct rows *rows, const struct draft *draft) {
    const size_t row = rows->count;
    grow_slots(rows);
    append_row(rows, draft);
    if (draft->defect) return;
    size_t *slot = find_slot(rows, texts_of(rows, row).path);
    if (*slot) {
        struct row *first = &rows->row[*slot - 1];
        rows->row[first->last].next = row;
        first->last = row;
        rows->row[row].last = LATER;
    } else {
        *slot = row + 1;
        rows->pictures++;
    }
}

static int give(struct draft *draft, struct importer *importer) {
    draft_file(draft, importer);
    return draft_give(draft, importer);
}

int rows_give_now(struct draft *draft, struct importer *importer) {
    const int stopped = importer->options->stopped ? importer->options->stopped() : 0;
    return stopped ? stopped : give(draft, importer);
}

int rows_take(struct draft *draft, struct importer *importer) {
    if (importer->options->keep_rows) return rows_give_now(draft, importer);
    const int stopped = importer->options->stopped ? importer->options->stopped() : 0;
    if (stopped) return stopped;
    if (!importer->rows) importer->rows = xcalloc(1, sizeof *importer->rows);
    keep(importer->rows, draft);
    return 0;
}

static bool has_label(const struct draft *draft, struct span label) {
    for (int i = 0; i < draft->labels.count; i++) {
        const struct span *has = &draft->labels.item[i];
        if (has->size == label.size && !memcmp(has->bytes, label.bytes, label.size)) return true;
    }
    return false;
}

static void merge_class(struct draft *draft, int64_t class, const char *name) {
    if (class >= 0 && draft->class >= 0 && class != draft->class)
        draft_defect(draft, "another row has class %lld, and %s class %lld", (long long)draft->class, name,
                     (long long)class);
    if (class >= 0) draft->class = class;
}

static void merge(struct draft *draft, const struct row_texts *row) {
    struct record record;
    char reason[RECORD_REASON];
    if (*row->defect) draft_defect(draft, "%s", row->defect);
    if (record_decode(&record, row->record.bytes, row->record.size, reason)) return draft_defect(draft, "%s", reason);
    if (!draft->id.size) buffer_append(&draft->id, record.id.bytes, record.id.size);
    for (int i = 0; i < record.caption_count; i++)
        draft_caption(draft, record.captions[i].bytes, record.captions[i].size);
    for (int i = 0; i < record.label_count; i++)
        if (!has_label(draft, record.labels[i])) draft_label(draft, record.labels[i].bytes, record.labels[i].size);
    merge_class(draft, record.class, row->name);
    record_release(&record);
}

static int give_picture(struct rows *rows, size_t first, struct importer *importer) {
    struct draft *draft = &rows->draft;
    const struct row_texts texts = texts_of(rows, first);
    draft_clear(draft);
    buffer_text(&draft->name, texts.name);
    buffer_text(&draft->path, texts.path);
    for (size_t row = first;; row = rows->row[row].next) {
        const struct row_texts of_row = texts_of(rows, row);
        merge(draft, &of_row);
        if (row == rows->row[first].last) break;
    }
    return give(draft, importer);
}

int rows_give(struct importer *importer) {
    struct rows *rows = importer->rows;
    int status = 0;
    for (size_t i = 0; rows && i < rows->count && !status; i++)
        if (rows->row[i].last != LATER) status = give_picture(rows, i, importer);
    return status;
}

void rows_free(struct rows **rows) {
    struct rows *old = *rows;
    if (!old) return;
    draft_release(&old->draft);
    buffer_release(&old->bytes);
    free(old->row);
    free(old->slot);
    free(old);
    *rows = NULL;
}
