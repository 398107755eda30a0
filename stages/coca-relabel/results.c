// Records are read back only from files that this program wrote, on this host or one of the same kind; their sum says
// that they are whole, so nothing else of them is doubted but what would lead beyond them.
#include "results.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"

enum { RECORD_LIMIT = 1 << 30, LINE_LIMIT = 64 << 10 };

struct head {
    uint64_t size, hash;
};

struct results {
    char *path;
    struct results_form form;
    FILE *file;
    long begin;           // behind the line
    struct buffer record; // being written, or read
    size_t at;            // read so far
    const char **captions;
};

static int failed(const struct results *results, const char *what) {
    return error(EXIT_RUN, "%s: cannot be %s: %s", results->path, what, errno ? strerror(errno) : "it is cut");
}

// ---- values

static void put_text(struct buffer *record, const char *text) {
    buffer_append(record, text, strlen(text) + 1);
}

// Where a float may lie, from the record's begin on.
static void put_floats(struct buffer *record, const float *values, int count) {
    while (record->size % sizeof(float)) buffer_append(record, "", 1);
    buffer_append(record, values, (size_t)count * sizeof(float));
}

void results_add(struct results *results, const struct result *result) {
    const struct results_form *form = &results->form;
    struct buffer *record = &results->record;
    put_text(record, result->defect ? result->defect : "");
    if (result->defect) return;
    for (int i = 0; i < form->captions; i++) put_text(record, result->captions[i]);
    if (form->scores) put_floats(record, result->scores, form->captions);
    if (form->image) put_floats(record, result->image, form->image);
    if (form->text) put_floats(record, result->texts, form->captions * form->text);
}

// NULL beyond the record's end, which its sum rules out.
static const char *take(struct results *results, size_t size) {
    const char *at = results->record.bytes + results->at;
    if (size > results->record.size - results->at) return NULL;
    results->at += size;
    return at;
}

static const char *take_text(struct results *results) {
    const size_t left = results->record.size - results->at;
    const char *at = results->record.bytes + results->at;
    const size_t length = strnlen(at, left);
    return length < left ? take(results, length + 1) : NULL;
}

static bool take_floats(struct results *results, size_t count, const float **values) {
    *values = NULL;
    if (!count) return true;
    const size_t fill = (sizeof(float) - results->at % sizeof(float)) % sizeof(float);
    if (!take(results, fill)) return false;
    *values = (const float *)(const void *)take(results, count * sizeof(float));
    return *values;
}

static bool take_result(struct results *results, struct result *result) {
    const struct results_form *form = &results->form;
    const size_t captions = (size_t)form->captions;
    *result = (struct result){.defect = take_text(results)};
    if (!result->defect || *result->defect) return result->defect;
    result->defect = NULL;
    result->captions = results->captions;
    for (size_t i = 0; i < captions; i++)
        if (!(results->captions[i] = take_text(results))) return false;
    return take_floats(results, form->scores ? captions : 0, &result->scores) &&
           take_floats(results, (size_t)form->image, &result->image) &&
           take_floats(results, captions * (size_t)form->text, &result->texts);
}

// ---- records

// 1; 0 at the end, or where what follows is not whole.
static int read_record(struct results *results, FILE *file) {
    struct head head;
    struct buffer *record = &results->record;
    buffer_clear(record);
    results->at = 0;
    if (fread(&head, sizeof head, 1, file) != 1 || head.size > RECORD_LIMIT) return 0;
    buffer_reserve(record, head.size);
    if (fread(record->bytes, 1, head.size, file) != head.size) return 0;
    record->size = head.size;
    return hash_bytes(record->bytes, head.size, 0) == head.hash;
}

static int write_record(struct results *results) {
    struct buffer *record = &results->record;
    const struct head head = {record->size, hash_bytes(record->bytes, record->size, 0)};
    errno = 0;
    fwrite(&head, sizeof head, 1, results->file);
    fwrite(record->bytes, 1, record->size, results->file);
    return fflush(results->file) ? failed(results, "written") : 0;
}

int results_flush(struct results *results) {
    int status = results->record.size ? write_record(results) : 0;
    buffer_clear(&results->record);
    return status;
}

int results_rewind(struct results *results) {
    buffer_clear(&results->record);
    results->at = 0;
    errno = 0;
    return fseek(results->file, results->begin, SEEK_SET) ? failed(results, "read") : 0;
}

int results_next(struct results *results, struct result *result) {
    errno = 0;
    if (results->at == results->record.size && !read_record(results, results->file))
        return ferror(results->file) ? failed(results, "read") : 0;
    return take_result(results, result) ? 1 : failed(results, "read");
}

// ---- taking over

static int take_over_record(struct results *results, int64_t *pictures) {
    struct result result;
    while (results->at < results->record.size) {
        if (!take_result(results, &result)) return failed(results, "read");
        ++*pictures;
    }
    return 0;
}

static int take_over(struct results *results, const char *identity, int64_t *pictures) {
    FILE *old = fopen(results->path, "rbe");
    char *line = xcalloc(1, LINE_LIMIT);
    int status = 0;
    if (old && fgets(line, LINE_LIMIT, old) && !strncmp(line, identity, strlen(identity)) &&
        line[strlen(identity)] == '\n')
        while (!status && read_record(results, old)) {
            status = write_record(results);
            if (!status) status = take_over_record(results, pictures);
        }
    if (old) fclose(old);
    buffer_clear(&results->record);
    results->at = 0;
    free(line);
    return status;
}

static int create(struct results *results, const char *identity, int64_t *pictures) {
    char *aside = xformat("%s.XXXXXX", results->path);
    const int fd = mkostemp(aside, O_CLOEXEC);
    results->file = fd < 0 ? NULL : fdopen(fd, "w+b");
    int status = results->file ? 0 : failed(results, "written");
    if (!status) {
        fprintf(results->file, "%s\n", identity);
        fflush(results->file);
        results->begin = ftell(results->file);
        status = take_over(results, identity, pictures);
    }
    if (!status && rename(aside, results->path)) status = failed(results, "written");
    if (status && fd >= 0) remove(aside);
    free(aside);
    return status;
}

int results_open(struct results **results, const char *path, const char *identity, const struct results_form *form,
                 int64_t *pictures) {
    struct results *new = *results = xcalloc(1, sizeof *new);
    new->path = xstrdup(path);
    new->form = *form;
    new->captions = xcalloc((size_t)form->captions, sizeof *new->captions);
    *pictures = 0;
    int status = create(new, identity, pictures);
    if (status) results_close(results);
    return status;
}

void results_close(struct results **results) {
    struct results *old = *results;
    if (!old) return;
    if (old->file) fclose(old->file);
    buffer_release(&old->record);
    free(old->captions);
    free(old->path);
    free(old);
    *results = NULL;
}
