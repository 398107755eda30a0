// All ways in which words of a candidate match words of a reference.
#pragma once

#include "measure/meteor_lexicon.h"

enum meteor_module { METEOR_EXACT, METEOR_STEM, METEOR_SYNONYM, METEOR_PARAPHRASE, METEOR_MODULES };

// A caption: its words, and the phrases of the data that begin at each of them, in order, shorter ones first.
struct meteor_text {
    const uint32_t *word;
    uint32_t words;
    struct meteor_phrase {
        uint32_t phrase, start, length;
    } * phrase;
    size_t phrases, phrase_room;
    uint64_t phrase_bits; // a bit for each phrase
};
// Caption number `caption` of the lexicon, in place of the one before. Zero-initialise; meteor_text_release.
void meteor_text_take(struct meteor_text *text, const struct meteor_lexicon *lexicon, size_t caption);
void meteor_text_release(struct meteor_text *text);

struct meteor_match {
    enum meteor_module module;
    uint32_t start, length; // in the reference
    uint32_t from, words;   // in the candidate
};
// Zero-initialise; release with meteor_matches_release.
struct meteor_matches {
    struct meteor_match *match; // those that start at word j of the reference are from begin[j] to begin[j+1]
    size_t count, room;
    uint32_t *begin;                           // [reference's words + 1]
    uint32_t *over_candidate, *over_reference; // [words]: how many matches a word is in
    struct meteor_match *found;                // the matches as they were found
    size_t word_room;
};
// In place of those before: exact ones, then those of stems, synonyms, paraphrases of the reference's phrases, and
// phrases that the candidate's are paraphrased by.
void meteor_matches_find(struct meteor_matches *matches, const struct meteor_lexicon *lexicon,
                         const struct meteor_text *candidate, const struct meteor_text *reference);
void meteor_matches_release(struct meteor_matches *matches);
