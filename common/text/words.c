// A hash table from texts to their places in a list. bpe.c finds tokens by it, three for each of some 50,000 pairs when
// a vocabulary is opened; ids are places in a list that is not sorted, so a binary search would not do. Filled once, at
// most half full, with linear probing: nothing is ever taken out.
#include "text/words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

// The slot that holds the text, or the free one that would. Texts of the list end in NUL, the one that is looked for
// need not.
static int32_t *slot_of(const struct words *words, const char *text, size_t size) {
    for (size_t i = hash_bytes(text, size, 0);; i++) {
        int32_t *slot = &words->slot[i & (words->slots - 1)];
        if (!*slot) return slot;
        const char *has = words->list->item[*slot - 1];
        if (!strncmp(has, text, size) && !has[size]) return slot;
    }
}

void words_begin(struct words *words, const struct strings *list) {
    *words = (struct words){.list = list, .slots = 1};
    while (words->slots <= 2 * list->count) words->slots *= 2;
    words->slot = xcalloc(words->slots, sizeof *words->slot);
    for (size_t i = 0; i < list->count; i++) *slot_of(words, list->item[i], strlen(list->item[i])) = (int32_t)i + 1;
}

void words_end(struct words *words) {
    free(words->slot);
    *words = (struct words){0};
}

int32_t words_find(const struct words *words, const char *text, size_t size) {
    return *slot_of(words, text, size) - 1;
}
