// What their formats share. Class numbers are a matter of the head that was trained on them, so they are fixed here,
// and their names go into the dataset.
#include "dataset/import/pair.h"

#include <stdlib.h>
#include <strings.h>

#include "dataset/import/fields.h"

static const char *const snli_ve[] = {"contradiction", "neutral", "entailment"};
static const char *const nlvr2[] = {"False", "True"};
const struct pair_task pair_snli_ve = {snli_ve, 3}, pair_nlvr2 = {nlvr2, 2};

int pair_begin(const struct pair_task *task, struct importer *importer) {
    struct strings names = {0};
    for (int i = 0; i < task->count; i++) strings_add_text(&names, task->label[i]);
    int status = importer_classes(importer, &names);
    strings_release(&names);
    return status;
}

void pair_label(const struct pair_task *task, struct draft *draft, const json_t *label) {
    if (!label || json_is_null(label)) return;
    const char *text = json_is_true(label) ? "True" : json_is_false(label) ? "False" : json_string_value(label);
    for (int i = 0; text && i < task->count; i++)
        if (!strcasecmp(text, task->label[i])) draft->class = i;
    if (draft->class < 0) draft_defect(draft, "its label \"%.40s\" is none of the task's", text ? text : "no text");
}

void pair_question(struct draft *draft, const json_t *text, const char *key) {
    if (json_is_string(text))
        draft_question(draft, json_string_value(text), json_string_length(text));
    else
        draft_defect(draft, "its \"%.40s\" is not text", key);
}

void pair_id(struct draft *draft, const json_t *id) {
    char *text = fields_id(id);
    buffer_clear(&draft->id);
    buffer_text(&draft->id, text ? text : draft->name.bytes);
    free(text);
}
