// A value of a dataset whose pictures lie elsewhere: the map of record.c without them, and one key more, "places", an
// array of [kind, object, offset, length, hash]. record_decode passes over that key, so whoever wants texts alone needs
// nothing of this. store_writer.c encodes, placed.c decodes.
#include "dataset/place.h"

#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/hash.h"
#include "dataset/pack_reader.h"

#define PLACES_KEY "places"
#define HASH_BYTES 8

static const char *const names[] = {
    [PLACE_IMAGE] = "image", [PLACE_IMAGES] = "images", [PLACE_VIDEO] = "video", [PLACE_SAMPLE] = "sample"};
enum { KINDS = sizeof names / sizeof *names };

void place_release(struct object_places *places) {
    free(places->place);
    *places = (struct object_places){0};
}

static void add_file(struct object_places *places, enum place_kind kind, int object, int64_t offset, struct span file) {
    if (!file.size) return;
    places->place[places->count++] = (struct object_place){.kind = kind,
                                                           .object = object,
                                                           .offset = offset,
                                                           .length = (int64_t)file.size,
                                                           .hash = hash_bytes(file.bytes, file.size, 0)};
}

void place_files(struct object_places *places, const struct record *record, const struct origin *origin, int number) {
    *places = (struct object_places){xcalloc((size_t)record->image_count + 3, sizeof *places->place), 0};
    if (origin->sample_length) {
        places->place[places->count++] = (struct object_place){
            .kind = PLACE_SAMPLE, .object = number, .offset = origin->sample, .length = origin->sample_length};
        return;
    }
    add_file(places, PLACE_IMAGE, number, origin->image, record->image);
    for (int i = 0; i < record->image_count; i++)
        add_file(places, PLACE_IMAGES, number, origin->images[i], record->images[i]);
    add_file(places, PLACE_VIDEO, number, origin->video, record->video);
}

static int append_bytes(void *buffer, const char *bytes, size_t size) {
    buffer_append(buffer, bytes, size);
    return 0;
}

// The hash goes as bytes, little endian, as readers of integers mostly end at 63 bits.
static void pack_place(msgpack_packer *packer, const struct object_place *place) {
    char hash[HASH_BYTES];
    for (int i = 0; i < HASH_BYTES; i++) hash[i] = (char)(place->hash >> 8 * i);
    msgpack_pack_array(packer, place->kind == PLACE_SAMPLE ? 4 : 5);
    msgpack_pack_str_with_body(packer, names[place->kind], strlen(names[place->kind]));
    msgpack_pack_int64(packer, place->object);
    msgpack_pack_int64(packer, place->offset);
    msgpack_pack_int64(packer, place->length);
    if (place->kind != PLACE_SAMPLE) msgpack_pack_bin_with_body(packer, hash, HASH_BYTES);
}

// A map of at most 15 pairs begins with one byte, 0x80 + pairs, and a record has at most RECORD_FIELDS: so one pair
// more is one more in that byte.
void place_encode(const struct record *record, const struct object_places *places, struct buffer *bytes) {
    _Static_assert(RECORD_FIELDS < 15, "a record and its places are a map of one byte's head");
    const size_t head = bytes->size;
    msgpack_packer packer;
    record_encode(record, bytes);
    bytes->bytes[head]++;
    msgpack_packer_init(&packer, bytes, append_bytes);
    msgpack_pack_str_with_body(&packer, PLACES_KEY, strlen(PLACES_KEY));
    msgpack_pack_array(&packer, (size_t)places->count);
    for (int i = 0; i < places->count; i++) pack_place(&packer, &places->place[i]);
}

static int refuse(char reason[RECORD_REASON], const char *why) {
    snprintf(reason, RECORD_REASON, "its places %s", why);
    return -EXIT_DATA;
}

static bool is_text(const struct pack_item *item, const char *text) {
    return item->kind == PACK_STR && item->size == strlen(text) && !memcmp(item->bytes, text, item->size);
}

static bool read_int(struct pack_reader *reader, int64_t least, int64_t most, int64_t *value) {
    struct pack_item item;
    if (!pack_next(reader, &item) || item.kind != PACK_INT || item.value < least || item.value > most) return false;
    *value = item.value;
    return true;
}

static bool read_kind(struct pack_reader *reader, enum place_kind *kind) {
    struct pack_item item;
    if (!pack_next(reader, &item)) return false;
    for (int i = 0; i < KINDS; i++)
        if (is_text(&item, names[i])) return *kind = (enum place_kind)i, true;
    return false;
}

static bool read_hash(struct pack_reader *reader, uint64_t *hash) {
    struct pack_item item;
    if (!pack_next(reader, &item) || item.kind != PACK_BIN || item.size != HASH_BYTES) return false;
    *hash = 0;
    for (int i = 0; i < HASH_BYTES; i++) *hash |= (uint64_t)item.bytes[i] << 8 * i;
    return true;
}

static bool read_place(struct pack_reader *reader, struct object_place *place) {
    struct pack_item array;
    int64_t object;
    if (!pack_next(reader, &array) || array.kind != PACK_ARRAY || !read_kind(reader, &place->kind)) return false;
    const bool has_hash = place->kind != PLACE_SAMPLE;
    if (array.count != (has_hash ? 5 : 4) || !read_int(reader, 0, INT32_MAX, &object) ||
        !read_int(reader, 0, INT64_MAX - RECORD_BYTES_LIMIT, &place->offset) ||
        !read_int(reader, 1, RECORD_BYTES_LIMIT, &place->length))
        return false;
    place->object = (int)object;
    return !has_hash || read_hash(reader, &place->hash);
}

static int read_places(struct pack_reader *reader, const struct pack_item *array, struct object_places *places,
                       char reason[RECORD_REASON]) {
    int64_t bytes = 0;
    if (array->kind != PACK_ARRAY) return refuse(reason, "are not an array");
    if (array->count > PLACE_LIMIT) return refuse(reason, "are too many");
    if (array->count) places->place = xcalloc(array->count, sizeof *places->place);
    for (; places->count < (int)array->count; places->count++) {
        struct object_place *place = &places->place[places->count];
        if (!read_place(reader, place)) return refuse(reason, "are no [kind, object, offset, length, hash]");
        bytes += place->length;
    }
    return bytes > RECORD_BYTES_LIMIT ? refuse(reason, "hold more than a record") : 0;
}

// Skips to the key, of a value that record_decode found to be one map of text keys.
static int find_places(struct pack_reader *reader, struct object_places *places, char reason[RECORD_REASON]) {
    struct pack_item map, key, value;
    bool is_whole = pack_next(reader, &map);
    for (uint64_t i = 0; i < map.count && is_whole; i++) {
        is_whole = pack_next(reader, &key) && pack_next(reader, &value);
        if (is_whole && is_text(&key, PLACES_KEY)) return read_places(reader, &value, places, reason);
        is_whole = is_whole && pack_skip(reader, &value);
    }
    return is_whole ? 0 : refuse(reason, "are cut");
}

// What stands in the record and in a place, or in two, is nowhere for certain.
static int check_kinds(const struct record *record, const struct object_places *places, char reason[RECORD_REASON]) {
    int count[KINDS] = {0};
    for (int i = 0; i < places->count; i++) count[places->place[i].kind]++;
    const bool is_sample = count[PLACE_SAMPLE];
    if (count[PLACE_IMAGE] > 1 || count[PLACE_VIDEO] > 1 || (is_sample && places->count > 1) ||
        (record->image.size && (count[PLACE_IMAGE] || is_sample)) ||
        (record->video.size && (count[PLACE_VIDEO] || is_sample)) ||
        (record->image_count && (count[PLACE_IMAGES] || is_sample)) || count[PLACE_IMAGES] > RECORD_IMAGES_LIMIT)
        return refuse(reason, "are of one thing twice");
    return 0;
}

int place_decode(struct record *record, struct object_places *places, const void *bytes, size_t size,
                 char reason[RECORD_REASON]) {
    *places = (struct object_places){0};
    int status = record_decode(record, bytes, size, reason);
    if (status) return status;
    struct pack_reader reader = {bytes, (const uint8_t *)bytes + size};
    status = find_places(&reader, places, reason);
    if (!status) status = check_kinds(record, places, reason);
    if (!status) return 0;
    record_release(record);
    place_release(places);
    return status;
}
