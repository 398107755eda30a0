// Blocks are for data that come in parts, of which a few only can be at hand: windows follow one another, and all
// records of one are drawn before any of the next. plan.c asks for the elements of its draws.
//
// Example: parts of 3, 1 and 2 records, permuted to 2, 0, 1, W = 2. Positions hold 2, 3 and 1 records, so 0, 2 and 5
// stand before them; window 0 are elements 0 … 4, and its own permutation says that, say, element 1 is place 3 of it:
// position 1 begins with place 2, so it is record 1 of part 0.
#include "dataset/blocks.h"

#include <stdlib.h>

#include "base/fail.h"
#include "base/memory.h"

// A step may stand on both sides of an epoch's end and look a window ahead; more epochs are kept for who goes back.
enum { EPOCHS_KEPT = 4 };
enum { KEY_PARTS, KEY_WINDOWS }; // subkeys of an epoch's

struct epoch {
    int64_t number, asked; // asked: when last; 0: the place is free
    struct random_key windows;
    int *part;       // [parts] by position
    int64_t *before; // [parts + 1] records in the positions before
};

struct blocks {
    const int64_t *first;
    int parts, window;
    struct random_key key;
    int64_t asked;
    struct epoch kept[EPOCHS_KEPT];
};

// The last of `count` places, `stride` apart, that begins at or before `value`: empty ones before it are passed over.
static int last_before(const int64_t *begins, int count, int stride, int64_t value) {
    int low = 0, high = count;
    while (high - low > 1) {
        const int middle = low + (high - low) / 2;
        if (begins[(int64_t)middle * stride] <= value)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int part_of(const int64_t *first, int parts, int64_t record) {
    return last_before(first, parts, 1, record);
}

struct blocks *blocks_new(const int64_t *first, int parts, int window, struct random_key key) {
    if (window < 1 || window > parts) bug("a window of %d of %d parts", window, parts);
    struct blocks *blocks = xcalloc(1, sizeof *blocks);
    *blocks = (struct blocks){.first = first, .parts = parts, .window = window, .key = key};
    return blocks;
}

void blocks_free(struct blocks **blocks) {
    for (int i = 0; *blocks && i < EPOCHS_KEPT; i++) {
        free((*blocks)->kept[i].part);
        free((*blocks)->kept[i].before);
    }
    free(*blocks);
    *blocks = NULL;
}

static void fill_epoch(const struct blocks *blocks, struct epoch *epoch, int64_t number) {
    const struct random_key key = random_subkey(blocks->key, (uint64_t)number);
    const struct random_key order = random_subkey(key, KEY_PARTS);
    const int parts = blocks->parts;
    if (!epoch->part) {
        epoch->part = xcalloc((size_t)parts, sizeof *epoch->part);
        epoch->before = xcalloc((size_t)parts + 1, sizeof *epoch->before);
    }
    epoch->number = number;
    epoch->windows = random_subkey(key, KEY_WINDOWS);
    for (int i = 0; i < parts; i++) {
        const int part = (int)random_permute(order, (uint64_t)parts, (uint64_t)i);
        epoch->part[i] = part;
        epoch->before[i + 1] = epoch->before[i] + blocks->first[part + 1] - blocks->first[part];
    }
}

// The one that was asked for longest ago gives its place to a new one.
static const struct epoch *find_epoch(struct blocks *blocks, int64_t number) {
    struct epoch *oldest = blocks->kept;
    blocks->asked++;
    for (struct epoch *epoch = blocks->kept; epoch < blocks->kept + EPOCHS_KEPT; epoch++) {
        if (epoch->asked && epoch->number == number) {
            epoch->asked = blocks->asked;
            return epoch;
        }
        if (epoch->asked < oldest->asked) oldest = epoch;
    }
    fill_epoch(blocks, oldest, number);
    oldest->asked = blocks->asked;
    return oldest;
}

static int windows_of(const struct blocks *blocks) {
    return (int)(((int64_t)blocks->parts + blocks->window - 1) / blocks->window);
}

// Positions begin … end − 1 are a window's; the last one may be shorter.
struct range {
    int begin, end;
};

static struct range positions(const struct blocks *blocks, int window) {
    const int64_t begin = (int64_t)window * blocks->window, end = begin + blocks->window;
    return (struct range){(int)begin, end < blocks->parts ? (int)end : blocks->parts};
}

static int window_of(const struct blocks *blocks, const struct epoch *epoch, int64_t k) {
    return last_before(epoch->before, windows_of(blocks), blocks->window, k);
}

int64_t blocks_at(struct blocks *blocks, int64_t epoch_number, int64_t k) {
    const struct epoch *epoch = find_epoch(blocks, epoch_number);
    const int window = window_of(blocks, epoch, k);
    const struct range range = positions(blocks, window);
    const int64_t begin = epoch->before[range.begin], size = epoch->before[range.end] - begin;
    const struct random_key key = random_subkey(epoch->windows, (uint64_t)window);
    const int64_t place = begin + (int64_t)random_permute(key, (uint64_t)size, (uint64_t)(k - begin));
    const int position = range.begin + last_before(epoch->before + range.begin, range.end - range.begin, 1, place);
    return blocks->first[epoch->part[position]] + place - epoch->before[position];
}

// Copies the parts of element k's window; *end is the first element behind it.
static int copy_window(const struct blocks *blocks, const struct epoch *epoch, int64_t k, int *part, int64_t *end) {
    const struct range range = positions(blocks, window_of(blocks, epoch, k));
    for (int i = range.begin; i < range.end; i++) *part++ = epoch->part[i];
    *end = epoch->before[range.end];
    return range.end - range.begin;
}

int blocks_near(struct blocks *blocks, int64_t epoch, int64_t k, int *part) {
    int64_t next;
    const int count = copy_window(blocks, find_epoch(blocks, epoch), k, part, &next);
    if (next == blocks->first[blocks->parts]) epoch++, next = 0;
    return count + copy_window(blocks, find_epoch(blocks, epoch), next, part + count, &next);
}
