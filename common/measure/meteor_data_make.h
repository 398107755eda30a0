// Makes the file of METEOR's data from what METEOR's own files say.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measure/meteor_layout.h"
#include "measure/numbering.h"

// Zero-initialise; release with meteor_made_release.
struct meteor_made {
    struct numbering words, phrases; // a phrase's bytes are its words' numbers
    unsigned char *mark;             // [mark_room], by word number
    size_t mark_room;
    struct meteor_pairs {
        struct meteor_pair {
            uint32_t owner, item; // numbers of words and phrases, from 1; a synonym set as it is numbered
        } * pair;
        size_t count, room;
    } pairs[METEOR_LISTS];
};
void meteor_made_mark(struct meteor_made *made, const char *word, enum meteor_mark mark);
void meteor_made_synset(struct meteor_made *made, const char *word, uint32_t synset);
void meteor_made_base(struct meteor_made *made, const char *form, const char *base);
// At least one word each, one blank between. Their order is kept: of equally good alignments the first counts.
void meteor_made_paraphrase(struct meteor_made *made, const char *phrase, const char *paraphrase);
// 0, -EXIT_DATA when there is more than 32 bits can number, or -EXIT_RUN when it cannot be written.
int meteor_made_write(struct meteor_made *made, const char *path);
void meteor_made_release(struct meteor_made *made);
