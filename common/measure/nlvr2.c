// An example adds to its sentence by name, so examples may come in any order, as a set that is drawn or cut does.
#include "measure/nlvr2.h"

#include <stdlib.h>
#include <string.h>

// The identifier without its third part.
static void append_sentence(struct buffer *name, struct span identifier) {
    const char *bytes = identifier.bytes, *end = bytes + identifier.size;
    int part = 0;
    for (; bytes < end; bytes++) {
        part += *bytes == '-';
        if (part != 2 || *bytes == '-') buffer_append(name, bytes, 1);
    }
}

void nlvr2_add(struct nlvr2 *nlvr2, struct span identifier, bool is_right) {
    struct buffer name = {0};
    const size_t before = nlvr2->sentences.count;
    buffer_text(&name, "");
    append_sentence(&name, identifier);
    const uint32_t number = numbering_add(&nlvr2->sentences, name.bytes, name.size);
    if (nlvr2->sentences.count > before) {
        nlvr2->consistent = xrealloc_array(nlvr2->consistent, nlvr2->sentences.count, sizeof *nlvr2->consistent);
        nlvr2->consistent[before] = true;
    }
    nlvr2->consistent[number - 1] &= is_right;
    nlvr2->examples++;
    nlvr2->right += is_right;
    buffer_release(&name);
}

double nlvr2_accuracy(const struct nlvr2 *nlvr2) {
    return nlvr2->examples ? (double)nlvr2->right / (double)nlvr2->examples : 0;
}

double nlvr2_consistency(const struct nlvr2 *nlvr2) {
    size_t consistent = 0;
    for (size_t i = 0; i < nlvr2->sentences.count; i++) consistent += nlvr2->consistent[i];
    return nlvr2->sentences.count ? (double)consistent / (double)nlvr2->sentences.count : 0;
}

void nlvr2_release(struct nlvr2 *nlvr2) {
    numbering_release(&nlvr2->sentences);
    free(nlvr2->consistent);
    *nlvr2 = (struct nlvr2){.examples = 0};
}
