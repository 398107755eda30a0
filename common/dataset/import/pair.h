// Tasks whose samples say something of a picture, or of two, and whose few classes have names: SNLI-VE and NLVR2, in
// the files of their authors and in LAVIS's.
#pragma once

#include <jansson.h>

#include "dataset/import/draft.h"

struct pair_task {
    const char *const *label; // [count], in class order
    int count;
};
// Of SNLI-VE in the order of ALBEF and LAVIS; of NLVR2 as truth values are.
extern const struct pair_task pair_snli_ve, pair_nlvr2;

int pair_begin(const struct pair_task *task, struct importer *importer); // as importer_classes
// The class of a label, whose letters may be of either case; true and false may be JSON's. NULL is a sample of a test
// set; another label, as "-" where annotators did not agree, is a defect.
void pair_label(const struct pair_task *task, struct draft *draft, const json_t *label);
void pair_question(struct draft *draft, const json_t *text, const char *key); // anything but a text is a defect
void pair_id(struct draft *draft, const json_t *id);                          // a text or a number; else the name
