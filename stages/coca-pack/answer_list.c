// Others' lists have the order of a hash table, so their class numbers mean nothing without the list. Ours is kept with
// the dataset, and has one order: of what the questions say. Samples are counted as they are read, those whose picture
// is missing too, so that the list is that of the questions and not of the pictures that are there.
#include "answer_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "measure/vqa_text.h"

static uint32_t number_of(struct numbering *names, struct span answer) {
    struct buffer text = {0};
    vqa_answer(&text, answer);
    const uint32_t number = text.size ? numbering_add(names, text.bytes, text.size) : 0;
    buffer_release(&text);
    return number;
}

// The number of the answer that most annotators gave; 0: there is none.
static uint32_t most_frequent(struct numbering *names, const struct record *record) {
    uint32_t *number = xcalloc((size_t)record->answer_count + 1, sizeof *number), best = 0;
    int most = 0;
    for (int i = 0; i < record->answer_count; i++) number[i] = number_of(names, record->answers[i]);
    for (int i = 0; i < record->answer_count; i++) {
        int count = 0;
        for (int k = 0; k < record->answer_count; k++) count += number[i] && number[k] == number[i];
        if (count > most) most = count, best = number[i];
    }
    free(number);
    return best;
}

void answers_add(struct answers *answers, const struct record *record) {
    const size_t before = answers->names.count;
    const uint32_t number =
        record->answer.size ? number_of(&answers->names, record->answer) : most_frequent(&answers->names, record);
    if (answers->names.count > before) {
        answers->count = xrealloc_array(answers->count, answers->names.count, sizeof *answers->count);
        memset(answers->count + before, 0, (answers->names.count - before) * sizeof *answers->count);
    }
    if (number) answers->count[number - 1]++, answers->questions++;
}

struct listed {
    struct span text;
    int64_t count;
};

static int by_count(const void *a, const void *b) {
    const struct listed *x = a, *y = b;
    const size_t shared = x->text.size < y->text.size ? x->text.size : y->text.size;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    const int order = memcmp(x->text.bytes, y->text.bytes, shared);
    return order ? order : x->text.size < y->text.size ? -1 : 1;
}

static size_t list(struct listed *listed, const struct answers *answers, int64_t least) {
    size_t kept = 0;
    const size_t *end = answers->names.end;
    for (size_t i = 0; i < answers->names.count; i++)
        if (answers->count[i] >= least)
            listed[kept++] =
                (struct listed){{answers->names.bytes.bytes + end[i], end[i + 1] - end[i]}, answers->count[i]};
    if (kept) qsort(listed, kept, sizeof *listed, by_count);
    return kept;
}

void answers_lines(struct buffer *text, const struct answers *answers, int64_t least, const char *name) {
    struct listed *listed = xcalloc(answers->names.count + 1, sizeof *listed);
    const size_t count = list(listed, answers, least);
    int64_t covered = 0;
    for (size_t i = 0; i < count; i++) {
        buffer_append(text, listed[i].text.bytes, listed[i].text.size);
        buffer_text(text, "\n");
        covered += listed[i].count;
    }
    free(listed);
    if (!count)
        warn("no answer is that of %lld questions, so there is no %s; give --min-answers 1", (long long)least, name);
    else
        note("%s: %zu answers, those of %lld of %lld questions", name, count, (long long)covered,
             (long long)answers->questions);
}

int answers_write(const struct answers *answers, int64_t least, const char *path) {
    struct buffer text = {0};
    answers_lines(&text, answers, least, path_base(path));
    int status = text.size ? file_write(path, text.bytes, text.size) : 0;
    buffer_release(&text);
    return status;
}

void answers_release(struct answers *answers) {
    numbering_release(&answers->names);
    free(answers->count);
}
