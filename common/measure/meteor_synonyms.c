// Base forms as METEOR takes them from WordNet: of a word that stands in the list of exceptions those that it names,
// else the first that a rule makes of it and that has synonym sets. There are rules for nouns, verbs and adjectives,
// tried in that order whatever the word is.
#include "measure/meteor_synonyms.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct ending {
    const char *ending, *instead;
};
static const struct ending endings[] = {
    {"s", ""},    {"ses", "s"}, {"xes", "x"}, {"zes", "z"}, {"ches", "ch"}, {"shes", "sh"}, {"men", "man"},
    {"ies", "y"}, {"ies", "y"}, {"es", "e"},  {"es", ""},   {"ed", "e"},    {"ed", ""},     {"ing", "e"},
    {"ing", ""},  {"er", ""},   {"est", ""},  {"er", "e"},  {"est", "e"},
};

static bool ends_in(const char *text, size_t size, const char *ending) {
    const size_t length = strlen(ending);
    return size >= length && !memcmp(text + size - length, ending, length);
}

// Java's length, in UTF-16.
static size_t units(const char *text, size_t size) {
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        const unsigned char byte = (unsigned char)text[i];
        count += (size_t)((byte & 0xc0) != 0x80) + (byte >= 0xf0);
    }
    return count;
}

static uint32_t base_by_rule(struct meteor_data *data, const char *text, size_t size) {
    uint32_t found = METEOR_NONE;
    struct buffer base = {0};
    if (ends_in(text, size, "ss") || units(text, size) <= 2) return METEOR_NONE;
    for (size_t i = 0; i < sizeof endings / sizeof *endings && found == METEOR_NONE; i++) {
        if (!ends_in(text, size, endings[i].ending)) continue;
        buffer_clear(&base);
        buffer_append(&base, text, size - strlen(endings[i].ending));
        buffer_text(&base, endings[i].instead);
        const uint32_t word = meteor_data_word(data, base.bytes, base.size);
        if (meteor_data_list(data, METEOR_SYNSETS, word).count) found = word;
    }
    buffer_release(&base);
    return found;
}

static void add_all(struct synonym_sets *sets, struct meteor_data *data, uint32_t word) {
    const struct meteor_list list = meteor_data_list(data, METEOR_SYNSETS, word);
    if (sets->count + list.count > sets->room) {
        sets->room = 2 * (sets->count + list.count);
        sets->set = xrealloc_array(sets->set, sets->room, sizeof *sets->set);
    }
    if (list.count) memcpy(sets->set + sets->count, list.item, list.count * sizeof *list.item);
    sets->count += list.count;
}

void synonym_sets_find(struct synonym_sets *sets, struct meteor_data *data, uint32_t known, const char *text,
                       size_t size) {
    const struct meteor_list bases = meteor_data_list(data, METEOR_BASES, known);
    add_all(sets, data, known);
    for (size_t i = 0; i < bases.count; i++) add_all(sets, data, bases.item[i]);
    if (!bases.count) add_all(sets, data, base_by_rule(data, text, size));
}

void synonym_sets_release(struct synonym_sets *sets) {
    free(sets->set);
    *sets = (struct synonym_sets){0};
}
