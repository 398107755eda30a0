// Answers are compared as bytes after normalising, so what two annotators meant alike and spelled unlike is two
// answers, as in the official numbers. Which answers are normalised is a matter of the question, not of the answer:
// where all agree to the byte, a prediction with another spelling is wrong.
#include "measure/vqa.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "measure/vqa_text.h"

double vqa_score(int count) {
    static const double score[] = {0, 0.3, 0.6, 0.9};
    return count < 4 ? score[count < 0 ? 0 : count] : 1;
}

typedef void spelling(struct buffer *to, struct span text);

// Answer after answer, NUL-terminated; each begins at its `place`.
static void spell_all(struct buffer *all, size_t *place, const struct span *answers, int count, spelling *spell) {
    buffer_clear(all);
    for (int i = 0; i < count; i++) {
        place[i] = all->size;
        spell(all, answers[i]);
        buffer_append(all, "", 1);
    }
}

static bool all_same(const struct buffer *all, const size_t *place, int count) {
    for (int i = 1; i < count; i++)
        if (strcmp(all->bytes + place[0], all->bytes + place[i])) return false;
    return true;
}

// Summed answer by answer, in the official order of additions.
static double mean_share(const struct buffer *all, const size_t *place, int count, const char *prediction) {
    int matches = 0;
    double sum = 0;
    for (int i = 0; i < count; i++) matches += !strcmp(all->bytes + place[i], prediction);
    for (int i = 0; i < count; i++) {
        const double share = (matches - !strcmp(all->bytes + place[i], prediction)) / 3.0;
        sum += share < 1 ? share : 1;
    }
    return count ? sum / count : 0;
}

double vqa_accuracy_of(const struct span *answers, int count, struct span prediction) {
    struct buffer all = {0}, said = {0};
    size_t *place = xcalloc((size_t)count + 1, sizeof *place);
    spell_all(&all, place, answers, count, vqa_strip);
    if (all_same(&all, place, count)) {
        vqa_strip(&said, prediction);
    } else {
        spell_all(&all, place, answers, count, vqa_normalise);
        vqa_normalise(&said, prediction);
    }
    const double accuracy = mean_share(&all, place, count, said.bytes);
    buffer_release(&all);
    buffer_release(&said);
    free(place);
    return accuracy;
}

double vqa_percent(struct vqa_tally tally) {
    return tally.questions ? 100 * tally.sum / (double)tally.questions : 0;
}

struct span vqa_kind_name(const struct vqa_kinds *kinds, size_t kind) {
    const size_t *end = kinds->names.end;
    return (struct span){kinds->names.bytes.bytes + end[kind], end[kind + 1] - end[kind]};
}

static void add(struct vqa_tally *tally, double accuracy) {
    tally->sum += accuracy;
    tally->questions++;
}

static void add_kind(struct vqa_kinds *kinds, struct span name, double accuracy) {
    const size_t before = kinds->names.count;
    const uint32_t number = numbering_add(&kinds->names, name.size ? name.bytes : "", name.size);
    if (kinds->names.count > before) {
        kinds->tally = xrealloc_array(kinds->tally, kinds->names.count, sizeof *kinds->tally);
        kinds->tally[before] = (struct vqa_tally){0};
    }
    add(&kinds->tally[number - 1], accuracy);
}

void vqa_totals_add(struct vqa_totals *totals, double accuracy, struct span answer_type, struct span question_type) {
    add(&totals->all, accuracy);
    add_kind(&totals->answer_types, answer_type, accuracy);
    add_kind(&totals->question_types, question_type, accuracy);
}

static void release(struct vqa_kinds *kinds) {
    numbering_release(&kinds->names);
    free(kinds->tally);
}

void vqa_totals_release(struct vqa_totals *totals) {
    release(&totals->answer_types);
    release(&totals->question_types);
    *totals = (struct vqa_totals){.all = {0, 0}};
}
