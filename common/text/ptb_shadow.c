// Which class a character is of for the caption tokenizer. What is a letter there is neither Unicode's answer of today
// nor any rule: the classes of characters were read off the outputs of the program that COCO runs (make.py beside its
// golden lines), so they are a table. Characters that the rules name are listed here.
#include "text/ptb_shadow.h"

#include <stdlib.h>

#include "text/unicode.h"

struct range {
    uint16_t first, last;
    uint8_t class;
};

// In order, and none within another.
static const struct range ranges[] = {
#include "text/tables/ptb.inc"
};

// These come before the ranges.
static const struct range named[] = {
    {0x80, 0x80, PTB_SYMBOL},
    {0x85, 0x85, PTB_ELLIPSIS},
    {0x91, 0x91, PTB_OPENING},
    {0x92, 0x92, PTB_CURLY},
    {0x93, 0x94, PTB_QUOTE},
    {0x96, 0x97, PTB_DASH},
    {0xA0, 0xA0, PTB_NO_BREAK_SPACE},
    {0xAB, 0xAB, PTB_QUOTE},
    {0xAD, 0xAD, PTB_SOFT_HYPHEN},
    {0xB2, 0xB3, PTB_RAISED_DIGIT},
    {0xB9, 0xB9, PTB_RAISED_DIGIT},
    {0xBB, 0xBB, PTB_QUOTE},
    {0x58A, 0x58A, PTB_HYPHEN},
    {0x66B, 0x66C, PTB_POINT},
    {0x2000, 0x200A, PTB_WIDE_BLANK},
    {0x2010, 0x2011, PTB_HYPHEN},
    {0x2013, 0x2015, PTB_DASH},
    {0x2018, 0x2018, PTB_OPENING},
    {0x2019, 0x2019, PTB_CURLY},
    {0x201A, 0x201A, PTB_LOW_QUOTE},
    {0x201B, 0x201B, PTB_OPENING},
    {0x201C, 0x201D, PTB_QUOTE},
    {0x201E, 0x201F, PTB_LOW_QUOTE},
    {0x2026, 0x2026, PTB_ELLIPSIS},
    {0x2028, 0x2029, ' '},
    {0x2039, 0x203A, PTB_QUOTE},
    {0x2044, 0x2044, PTB_SOLIDUS},
    {0x2070, 0x2070, PTB_RAISED_DIGIT},
    {0x2074, 0x2079, PTB_RAISED_DIGIT},
    {0x2080, 0x2089, PTB_LOWERED_DIGIT},
    {0x3000, 0x3000, PTB_WIDE_BLANK},
};

static int compare(const void *point, const void *range) {
    const uint32_t p = *(const uint32_t *)point;
    const struct range *r = range;
    return p < r->first ? -1 : p > r->last;
}

static const struct range *find(uint32_t point, const struct range *list, size_t bytes) {
    return bsearch(&point, list, bytes / sizeof *list, sizeof *list, compare);
}

static uint8_t ascii_class(uint32_t point) {
    if (point >= ' ' && point < 0x7F) return (uint8_t)point;
    if (point == '\t') return PTB_TAB;
    return point > '\t' && point <= '\r' ? ' ' : PTB_UNKNOWN;
}

static uint8_t class_of(uint32_t point) {
    if (point < 0x80) return ascii_class(point);
    const struct range *range = find(point, named, sizeof named);
    if (!range) range = find(point, ranges, sizeof ranges);
    return range ? range->class : PTB_UNKNOWN;
}

void ptb_shadow_begin(struct ptb_shadow *shadow, const char *text, size_t size) {
    *shadow = (struct ptb_shadow){.start = xcalloc(size + 1, sizeof *shadow->start)};
    buffer_reserve(&shadow->bytes, size + 1);
    for (size_t at = 0, length; at < size; at += length) {
        const uint8_t class = class_of(unicode_at(text + at, size - at, &length));
        shadow->start[shadow->bytes.size] = at;
        buffer_append(&shadow->bytes, &class, 1);
    }
    shadow->start[shadow->bytes.size] = size;
}

void ptb_shadow_end(struct ptb_shadow *shadow) {
    free(shadow->start);
    buffer_release(&shadow->bytes);
}
