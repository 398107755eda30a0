// Byte-pair encoding as CLIP has it (after Sennrich et al. 2016): a word begins as its bytes, the last one marked as
// the word's end; of all neighbours that the vocabulary lists as a pair the one learned first is joined, until none is
// left. vocabulary_clip.c cuts cleaned text into words and calls bpe_encode for each; clip_files.c reads the files.
//
// Token files are texts, so each byte needs a character: printable bytes of Latin-1 are themselves, the 68 others get
// the characters from U+0100 on, in ascending order (GPT-2's bytes_to_unicode). So "Ġ" is a blank.
#include "text/bpe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"
#include "text/words.h"

struct pair {
    int32_t first, second, rank, joined; // rank −1 in a free slot
};

struct bpe {
    struct strings token;
    struct words words;
    struct pair *pair; // [pairs], a power of two, by a hash of first and second
    size_t pairs;
    int32_t byte[2][256];                // symbols of a byte within a word, and at its end
    unsigned char byte_of[0x100 + 0x44]; // of the characters that spell one
};

static bool is_printable(int byte) {
    return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

void bpe_byte_order(unsigned char order[256]) {
    int count = 0;
    for (int printable = 1; printable >= 0; printable--)
        for (int byte = 0; byte < 256; byte++)
            if (is_printable(byte) == printable) order[count++] = (unsigned char)byte;
}

// The characters that spell bytes, from U+0100 on: the n-th byte without a character of its own, counted upwards.
static uint32_t spelling(unsigned char byte) {
    if (is_printable(byte)) return byte;
    uint32_t point = 0x100;
    for (int before = 0; before < byte; before++) point += !is_printable(before);
    return point;
}

void bpe_spell(struct buffer *out, unsigned char byte) {
    unicode_append(out, spelling(byte));
}

// Open addressing in a table that is at most half full, so a search ends soon; the high bits of the product are the
// mixed ones.
static struct pair *pair_slot(const struct bpe *bpe, int32_t first, int32_t second) {
    uint64_t hash = ((uint64_t)(uint32_t)first << 32 | (uint32_t)second) * 0x9E3779B97F4A7C15u;
    for (size_t i = hash >> 32;; i++) {
        struct pair *pair = &bpe->pair[i & (bpe->pairs - 1)];
        if (pair->rank < 0 || (pair->first == first && pair->second == second)) return pair;
    }
}

static bool add_pair(struct bpe *bpe, const char *first, const char *second, int32_t rank, char *reason) {
    struct buffer joined = {0};
    buffer_format(&joined, "%s%s", first, second);
    struct pair pair = {bpe_find(bpe, first), bpe_find(bpe, second), rank, bpe_find(bpe, joined.bytes)};
    const bool known = pair.first >= 0 && pair.second >= 0 && pair.joined >= 0;
    if (known)
        *pair_slot(bpe, pair.first, pair.second) = pair;
    else
        snprintf(reason, BPE_REASON, "pair %d, \"%.30s %.30s\", needs a token that the vocabulary does not have",
                 rank + 1, first, second);
    buffer_release(&joined);
    return known;
}

// A pair's rank is its place in the list; an empty line keeps its rank and joins nothing.
static bool add_pairs(struct bpe *bpe, const struct bpe_files *files, char *reason) {
    for (bpe->pairs = 1; bpe->pairs <= 2 * files->first.count;) bpe->pairs *= 2;
    bpe->pair = xmalloc(bpe->pairs * sizeof *bpe->pair);
    for (size_t i = 0; i < bpe->pairs; i++) bpe->pair[i].rank = -1;
    for (size_t i = 0; i < files->first.count; i++) {
        const char *first = files->first.item[i], *second = files->second.item[i];
        if (*first && !add_pair(bpe, first, second, (int32_t)i, reason)) return false;
    }
    return true;
}

// Every byte must be a token in both forms: so any text at all can be encoded, and nothing is unknown.
static bool find_byte(struct bpe *bpe, unsigned char byte, char *reason) {
    struct buffer text = {0};
    bpe_spell(&text, byte);
    bpe->byte_of[spelling(byte)] = byte;
    bpe->byte[0][byte] = bpe_find(bpe, text.bytes);
    buffer_text(&text, BPE_WORD_END);
    bpe->byte[1][byte] = bpe_find(bpe, text.bytes);
    const bool known = bpe->byte[0][byte] >= 0 && bpe->byte[1][byte] >= 0;
    if (!known) snprintf(reason, BPE_REASON, "it has no token for byte %d within a word or at its end", byte);
    buffer_release(&text);
    return known;
}

void bpe_files_release(struct bpe_files *files) {
    strings_release(&files->token);
    strings_release(&files->first);
    strings_release(&files->second);
}

// The tokens are taken over and not copied: a vocabulary is some 50,000 texts. Bytes first: a file that is none of
// CLIP's mostly fails there, with the plainest reason.
struct bpe *bpe_new(struct bpe_files *files, char reason[BPE_REASON]) {
    struct bpe *bpe = xcalloc(1, sizeof *bpe);
    bpe->token = files->token;
    files->token = (struct strings){0};
    words_begin(&bpe->words, &bpe->token);
    bool whole = true;
    for (int byte = 0; byte < 256 && whole; byte++) whole = find_byte(bpe, (unsigned char)byte, reason);
    if (whole && add_pairs(bpe, files, reason)) return bpe;
    bpe_free(bpe);
    return NULL;
}

void bpe_free(struct bpe *bpe) {
    if (!bpe) return;
    words_end(&bpe->words);
    strings_release(&bpe->token);
    free(bpe->pair);
    free(bpe);
}

int bpe_size(const struct bpe *bpe) {
    return (int)bpe->token.count;
}

int bpe_find(const struct bpe *bpe, const char *token) {
    return words_find(&bpe->words, token, strlen(token));
}

// A word on its way: symbols in a list, and the pairs that could join in a heap, lowest rank and then leftmost on top.
// So a word takes n log n steps, however long. A pair whose symbols have changed since is stale and is passed over.
//
// CLIP's own loop looks for the lowest pair and joins all its places from left to right, then looks again. The heap
// does the same: places of one rank come from left to right, of "aaa" the first two join and the other pair is stale;
// and a join makes only pairs that were learned after its symbol, so of higher rank, which wait. (So it is where, as in
// CLIP's list, every token has one pair that makes it.)
struct symbol {
    int32_t id, before, next; // neighbours' positions, −1 at the ends; id −1 when it was joined to the one before
};

struct chance {
    int32_t rank, at, second_at, joined, first, second;
};

struct word {
    const struct bpe *bpe;
    struct symbol *symbol;
    struct chance *heap;
    int heap_count;
};

static bool is_before(const struct chance *a, const struct chance *b) {
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void push(struct word *word, struct chance chance) {
    int at = word->heap_count++;
    for (int parent; at && is_before(&chance, &word->heap[parent = (at - 1) / 2]); at = parent)
        word->heap[at] = word->heap[parent];
    word->heap[at] = chance;
}

static struct chance pop(struct word *word) {
    const struct chance top = word->heap[0], last = word->heap[--word->heap_count];
    int at = 0;
    for (int child; (child = 2 * at + 1) < word->heap_count; at = child) {
        if (child + 1 < word->heap_count && is_before(&word->heap[child + 1], &word->heap[child])) child++;
        if (!is_before(&word->heap[child], &last)) break;
        word->heap[at] = word->heap[child];
    }
    word->heap[at] = last;
    return top;
}

// Puts the pair that begins at `at` into the heap, if the vocabulary has it.
static void consider(struct word *word, int at) {
    const int next = at < 0 ? -1 : word->symbol[at].next;
    if (next < 0) return;
    const int32_t first = word->symbol[at].id, second = word->symbol[next].id;
    const struct pair *pair = pair_slot(word->bpe, first, second);
    if (pair->rank >= 0) push(word, (struct chance){pair->rank, at, next, pair->joined, first, second});
}

// A chance is stale if any of its three facts changed: either symbol, or that they are neighbours. A symbol that was
// joined to the one before has −1, which no chance names.
static void join(struct word *word, const struct chance *chance) {
    struct symbol *left = &word->symbol[chance->at], *right = &word->symbol[chance->second_at];
    if (left->id != chance->first || right->id != chance->second || left->next != chance->second_at) return;
    left->id = chance->joined;
    left->next = right->next;
    right->id = -1;
    if (left->next >= 0) word->symbol[left->next].before = chance->at;
    consider(word, left->before);
    consider(word, chance->at);
}

// The word's last byte has the symbol that ends words, which is how "a" in the middle and "a" at the end are told
// apart. What does not fit into `capacity` is cut, not the joins: a caption's last word is encoded as a whole.
int bpe_encode(const struct bpe *bpe, const char *text, size_t size, int32_t *ids, int capacity) {
    enum { SMALL = 64 };
    struct symbol few_symbols[SMALL];
    struct chance few_chances[3 * SMALL]; // a pair for each two neighbours, and two more for each of their joins
    const int n = (int)size;
    struct word word = {bpe, few_symbols, few_chances, 0};
    if (n > SMALL) {
        word.symbol = xmalloc(size * sizeof *word.symbol);
        word.heap = xmalloc(3 * size * sizeof *word.heap);
    }
    for (int i = 0; i < n; i++)
        word.symbol[i] = (struct symbol){bpe->byte[i == n - 1][(unsigned char)text[i]], i - 1, i < n - 1 ? i + 1 : -1};
    for (int i = 0; i < n; i++) consider(&word, i);
    while (word.heap_count) {
        const struct chance chance = pop(&word);
        join(&word, &chance);
    }
    int count = 0;
    for (int i = 0; i >= 0 && count < capacity; i = word.symbol[i].next) ids[count++] = word.symbol[i].id;
    if (n > SMALL) {
        free(word.symbol);
        free(word.heap);
    }
    return count;
}

// The way back from characters to bytes. Characters that spell none (in tokens that others added) are given as they
// are.
void bpe_decode(const struct bpe *bpe, int32_t id, struct buffer *bytes) {
    const char *token = bpe->token.item[id];
    const size_t size = strlen(token);
    for (size_t at = 0, length; at < size; at += length) {
        const uint32_t point = unicode_at(token + at, size - at, &length);
        if (point < sizeof bpe->byte_of && (point >= 0x100 || is_printable((int)point)))
            buffer_append(bytes, &bpe->byte_of[point], 1);
        else
            buffer_append(bytes, token + at, length);
    }
}
