// The captions of pictures as METEOR's words, and what it knows of each different word, looked up once.
#pragma once

#include "measure/caption_set.h"
#include "measure/meteor_data.h"

struct meteor_word {
    uint32_t stem;            // equal for words of one stem
    uint32_t known;           // its number in the data, or METEOR_NONE
    uint32_t synset, synsets; // in `synset`: begins there, how many, ascending
    uint64_t synset_bits;     // a bit for each: words that share no bit share no set
    bool function;
};

// Zero-initialise; release with meteor_lexicon_release.
struct meteor_lexicon {
    struct meteor_data *data; // NULL: stems are all that is known
    struct numbering words;
    struct meteor_word *word; // by number, from 1
    uint32_t *synset;
    size_t synsets, synset_room;
    uint32_t *number; // of words, all captions' in a row: of each picture the candidate, then its references
    size_t *end;      // [captions+1]: caption c's words end at end[c+1], from end[c] on
};
void meteor_lexicon_make(struct meteor_lexicon *lexicon, const struct caption_set *set, const struct captioned *picture,
                         size_t pictures, struct meteor_data *data);
void meteor_lexicon_release(struct meteor_lexicon *lexicon);
