// CLIP's byte-pair vocabulary, with open_clip's cleaning before it: ids as of its SimpleTokenizer. tokenizer.c calls it
// through the table at the end. A text is cleaned, cut into words by CLIP's expression, and each word goes through
// bpe.c; blanks between words are not tokens, since a word's last token says that it ends.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "text/clean.h"
#include "text/clip_files.h"
#include "text/pattern.h"
#include "text/tables/newer.inc"
#include "text/vocabulary.h"

_Static_assert(VOCABULARY_REASON >= BPE_REASON, "a reason fits");

// Begin and end as SimpleTokenizer spells them, whatever the files call them; letters are compared in any case, but
// only the exact spelling is the token.
static const char *const marks[2] = {"<start_of_text>", "<end_of_text>"};
static const char *const other_marks[2] = {"<|startoftext|>", "<|endoftext|>"};

// CLIP matches with the regex module's Unicode, newer than PCRE2's: what that counts as letters or numbers is added.
#define LETTERS "\\p{L}" NEWER_LETTERS
#define NUMBERS "\\p{N}" NEWER_NUMBERS
// Cleaned text has no white space but blanks. U+0345 is in no word: it is no letter, yet iota in another case.
static const char words[] = "<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|[" LETTERS "]++|[" NUMBERS
                            "]|[^ \\x{345}" LETTERS NUMBERS "]++";

struct clip {
    struct bpe *bpe;
    struct cleaner *cleaner;
    struct pattern *words;
    int32_t mark[2];
};

static bool matches(const void *bytes, size_t size) {
    return clip_format(bytes, size) != CLIP_NONE;
}

static void close_clip(void *state) {
    struct clip *clip = state;
    if (!clip) return;
    bpe_free(clip->bpe);
    cleaner_free(clip->cleaner);
    pattern_free(clip->words);
    free(clip);
}

static bool find_marks(struct clip *clip, char *reason) {
    for (int i = 0; i < 2; i++) {
        clip->mark[i] = bpe_find(clip->bpe, marks[i]);
        if (clip->mark[i] < 0) clip->mark[i] = bpe_find(clip->bpe, other_marks[i]);
        if (clip->mark[i] >= 0) continue;
        snprintf(reason, VOCABULARY_REASON, "it has neither the token %s nor %s", other_marks[i], marks[i]);
        return false;
    }
    return true;
}

static void *open_clip(struct vocabulary_file *file, struct tokenizer_ids *ids, char reason[VOCABULARY_REASON]) {
    struct bpe_files files = {0};
    struct buffer more = {0};
    struct clip *clip = xcalloc(1, sizeof *clip);
    bool whole = !clip_files_read(&files, file->path, file->bytes, file->size, &more, reason) &&
                 (clip->bpe = bpe_new(&files, reason)) && find_marks(clip, reason);
    if (more.size) file->fingerprint = hash_bytes(more.bytes, more.size, file->fingerprint);
    bpe_files_release(&files);
    buffer_release(&more);
    if (!whole) {
        close_clip(clip);
        return NULL;
    }
    clip->cleaner = cleaner_new();
    clip->words = pattern_new(words, PATTERN_TEXT_ANY_CASE);
    *ids = (struct tokenizer_ids){bpe_size(clip->bpe), 0, clip->mark[0], clip->mark[1]};
    return clip;
}

// The marks are tokens of their own where a text spells them, as in CLIP; BPE would take them apart.
static int encode_word(const struct clip *clip, const char *word, size_t size, int32_t *ids, int capacity) {
    for (int i = 0; i < 2; i++) {
        if (strlen(marks[i]) != size || memcmp(marks[i], word, size)) continue;
        *ids = clip->mark[i];
        return 1;
    }
    return bpe_encode(clip->bpe, word, size, ids, capacity);
}

// Stops as soon as the caption is full: long texts cost no more than their beginning, but for the cleaning.
static int encode(const void *state, const char *text, size_t size, int32_t *ids, int capacity) {
    const struct clip *clip = state;
    struct buffer clean = {0};
    struct match match = {0};
    int count = 0;
    cleaner_clean(clip->cleaner, &clean, text, size);
    while (count < capacity && match.end < clean.size &&
           pattern_find(clip->words, clean.bytes, clean.size, match.end, &match))
        count += encode_word(clip, clean.bytes + match.start, match.end - match.start, ids + count, capacity - count);
    buffer_release(&clean);
    return count;
}

// The ends of words become blanks in the joined text, as open_clip has it, but for one at its end. Tokens are bytes,
// and a character may be spread over several, so it is repaired when all are joined.
static void decode(const void *state, const int32_t *ids, int count, struct buffer *text) {
    const struct clip *clip = state;
    struct buffer bytes = {0}, whole = {0};
    for (int i = 0; i < count; i++) bpe_decode(clip->bpe, ids[i], &bytes);
    utf8_repair(&whole, bytes.bytes, bytes.size);
    const size_t end = strlen(BPE_WORD_END);
    for (size_t at = 0; at < whole.size;) {
        const bool ends = whole.size - at >= end && !memcmp(whole.bytes + at, BPE_WORD_END, end);
        if (!ends) buffer_append(text, whole.bytes + at, 1);
        if (ends && at + end < whole.size) buffer_append(text, " ", 1);
        at += ends ? end : 1;
    }
    buffer_release(&bytes);
    buffer_release(&whole);
}

const struct vocabulary vocabulary_clip = {
    .name = "CLIP",
    .remedy = "a model whose text_cfg has its vocab_size: CLIP's own is for 49408 tokens",
    .pads_with_words = true,
    .matches = matches,
    .open = open_clip,
    .close = close_clip,
    .encode = encode,
    .decode = decode,
};
