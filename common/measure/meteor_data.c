// Reads METEOR's data where they lie. Nothing is read before it is asked for, so opening costs nothing; a number from
// the file is held against the header, and the header against the file's size, before anything is looked up with it.
#include "measure/meteor_data.h"

#include <string.h>

static int refuse(const char *path, const char *why) {
    return error(EXIT_DATA, "%s: %s; data/meteor.sh makes it again when it is removed", path, why);
}

// Whether `count` items of `size` bytes, aligned to their size, lie within the file.
static bool fits(const struct meteor_data *data, uint64_t begin, uint64_t count, uint64_t size) {
    return begin % 8 == 0 && begin <= data->map.size && count <= (data->map.size - begin) / size;
}

static bool list_fits(const struct meteor_data *data, enum meteor_list_name name) {
    static const enum meteor_list_name same_owners[METEOR_LISTS] = {
        [METEOR_PHRASES] = METEOR_PHRASES, [METEOR_PARAPHRASES] = METEOR_PHRASES};
    const struct meteor_place *place = &data->header->list[name];
    return place->owners == data->header->list[same_owners[name]].owners && place->owners < METEOR_NONE &&
           fits(data, place->ends, place->owners + 1, sizeof(uint32_t)) &&
           fits(data, place->items, place->length, name == METEOR_WORDS ? 1 : sizeof(uint32_t));
}

static int check_header(struct meteor_data *data, const char *path) {
    const struct meteor_header *header = data->header;
    if (data->map.size < sizeof *header || memcmp(header->magic, METEOR_MAGIC, sizeof header->magic))
        return refuse(path, "is not METEOR's data as `coca-score meteor-data` writes them");
    if (header->version != METEOR_VERSION || header->lists != METEOR_LISTS)
        return refuse(path, "is of another version");
    if (header->size != data->map.size) return refuse(path, "is not as long as it says: it is cut or damaged");
    bool whole = true;
    for (int name = 0; name < METEOR_LISTS; name++) whole = whole && list_fits(data, (enum meteor_list_name)name);
    const uint64_t words = header->list[METEOR_WORDS].owners;
    if (!whole || !fits(data, header->marks, words, 1) || !fits(data, header->first, words + 1, sizeof(uint32_t)))
        return refuse(path, "has parts that lie outside of it: it is damaged");
    return 0;
}

int meteor_data_open(struct meteor_data *data, const char *path) {
    int status = file_map_open(&data->map, path);
    if (status) return status;
    data->path = path;
    data->header = (const struct meteor_header *)data->map.bytes;
    atomic_init(&data->damaged, false);
    status = check_header(data, path);
    if (status) meteor_data_close(data);
    return status;
}

int meteor_data_check(const struct meteor_data *data) {
    return atomic_load(&data->damaged) ? refuse(data->path, "is damaged") : 0;
}

void meteor_data_close(struct meteor_data *data) {
    file_map_close(&data->map);
    data->header = NULL;
}

static const uint32_t *numbers(const struct meteor_data *data, uint64_t begin) {
    return (const uint32_t *)(data->map.bytes + begin);
}

struct range {
    uint32_t begin, end;
};

// Where the list of an owner begins and ends among the items; nowhere when the file does not say it rightly.
static struct range range_of(struct meteor_data *data, const uint32_t *ends, uint64_t owners, uint64_t length,
                             uint32_t owner) {
    if (owner >= owners) return (struct range){0, 0};
    const struct range range = {ends[owner], ends[owner + 1]};
    if (range.begin <= range.end && range.end <= length) return range;
    atomic_store_explicit(&data->damaged, true, memory_order_relaxed);
    return (struct range){0, 0};
}

static struct range place_of(struct meteor_data *data, enum meteor_list_name name, uint32_t owner) {
    const struct meteor_place *place = &data->header->list[name];
    return range_of(data, numbers(data, place->ends), place->owners, place->length, owner);
}

struct meteor_list meteor_data_list(struct meteor_data *data, enum meteor_list_name name, uint32_t owner) {
    const struct range place = place_of(data, name, owner);
    return (struct meteor_list){numbers(data, data->header->list[name].items) + place.begin, place.end - place.begin};
}

// Below 0, 0 or above 0 as the word stands before, at or behind the text.
static int compare_word(struct meteor_data *data, uint32_t word, const char *text, size_t size) {
    const struct range place = place_of(data, METEOR_WORDS, word);
    const size_t other = place.end - place.begin;
    const int order = memcmp(data->map.bytes + data->header->list[METEOR_WORDS].items + place.begin, text,
                             other < size ? other : size);
    return order ? order : (other > size) - (other < size);
}

uint32_t meteor_data_word(struct meteor_data *data, const char *text, size_t size) {
    uint32_t low = 0, high = (uint32_t)data->header->list[METEOR_WORDS].owners;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const int order = compare_word(data, middle, text, size);
        if (!order) return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return METEOR_NONE;
}

bool meteor_data_marked(const struct meteor_data *data, uint32_t word, enum meteor_mark mark) {
    return word < data->header->list[METEOR_WORDS].owners &&
           (data->map.bytes[data->header->marks + word] & (unsigned)mark);
}

struct meteor_walk meteor_walk_begin(struct meteor_data *data, uint32_t word) {
    const struct range range =
        range_of(data, numbers(data, data->header->first), data->header->list[METEOR_WORDS].owners,
                 data->header->list[METEOR_PHRASES].owners, word);
    return (struct meteor_walk){range.begin, range.end, 1};
}

// The first phrase from `low` to `high` whose word at `place` is not below `word`.
static uint32_t lower_bound(struct meteor_data *data, uint32_t low, uint32_t high, uint32_t place, uint64_t word) {
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const struct meteor_list phrase = meteor_data_list(data, METEOR_PHRASES, middle);
        if (phrase.count <= place || phrase.item[place] < word)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void meteor_walk_on(struct meteor_walk *walk, struct meteor_data *data, uint32_t word) {
    walk->begin = lower_bound(data, walk->begin, walk->end, walk->words, word);
    walk->end = lower_bound(data, walk->begin, walk->end, walk->words, (uint64_t)word + 1);
    walk->words++;
}

uint32_t meteor_walk_phrase(const struct meteor_walk *walk, struct meteor_data *data) {
    if (walk->begin == walk->end) return METEOR_NONE;
    return meteor_data_list(data, METEOR_PHRASES, walk->begin).count == walk->words ? walk->begin : METEOR_NONE;
}
