// A class is one label with the whole share. Answers become several: every answer of the list that people gave, with
// its share of a point (measure/vqa.h), as VQA's classifiers learn them.
#include "targets.h"

#include <string.h>

#include "measure/vqa.h"
#include "measure/vqa_text.h"
#include "text/prompt.h"

static int number_names(struct targets *targets, const char *path) {
    for (size_t i = 0; i < targets->names.count; i++) {
        const char *name = targets->names.item[i];
        if (numbering_add(&targets->numbering, name, strlen(name)) != i + 1)
            return error(EXIT_DATA, "%s: line %zu: the answer %s stands there for the second time", path, i + 1, name);
    }
    return 0;
}

int targets_open(struct targets *targets, enum task_kind task, const char *path) {
    *targets = (struct targets){.task = &tasks[task]};
    int status = names_read(&targets->names, path);
    return status || !targets->task->soft ? status : number_names(targets, path);
}

void targets_close(struct targets *targets) {
    strings_release(&targets->names);
    numbering_release(&targets->numbering);
}

int targets_width(const struct targets *targets) {
    return targets->task->soft ? TARGETS_MOST : 1;
}

static const char *take_class(const struct targets *targets, const struct record *record, int32_t *label) {
    if (record->class >= (int64_t)targets->names.count) return "its class is beyond the list of labels";
    *label = (int32_t)record->class;
    return NULL;
}

// ---- answers

static int count_of(const int32_t *label, int count, int32_t wanted) {
    int found = 0;
    for (int i = 0; i < count; i++) found += label[i] == wanted;
    return found;
}

// Places of the answers in the list, −1 where it lacks one. At most TARGETS_MOST.
static int find_answers(const struct targets *targets, const struct record *record, int32_t place[TARGETS_MOST]) {
    const int count = record->answer_count < TARGETS_MOST ? record->answer_count : TARGETS_MOST;
    struct buffer answer = {0};
    for (int i = 0; i < count; i++) {
        buffer_clear(&answer);
        vqa_answer(&answer, record->answers[i]);
        place[i] = answer.size ? (int32_t)numbering_find(&targets->numbering, answer.bytes, answer.size) - 1 : -1;
    }
    buffer_release(&answer);
    return count;
}

static const char *take_answers(const struct targets *targets, const struct record *record, int32_t *label,
                                float *share) {
    int32_t place[TARGETS_MOST];
    const int count = find_answers(targets, record, place);
    int labels = 0;
    for (int i = 0; i < count; i++) {
        if (place[i] < 0 || count_of(place, i, place[i])) continue;
        label[labels] = place[i];
        share[labels++] = (float)vqa_score(count_of(place, count, place[i]));
    }
    return NULL;
}

const char *targets_of(const struct targets *targets, const struct record *record, int32_t *label, float *share) {
    const int K = targets_width(targets);
    for (int k = 0; k < K; k++) {
        label[k] = -1;
        share[k] = 0;
    }
    if (targets->task->soft) return take_answers(targets, record, label, share);
    const char *wrong = take_class(targets, record, label);
    share[0] = *label >= 0;
    return wrong;
}
