// Values with places: what was encoded comes back, and numbers that lie are refused.
#include "../base/support.h"

#include "dataset/place.h"

static struct span caption = {"a frog", 6};

static struct record texts(void) {
    struct record record = RECORD_EMPTY;
    record.captions = &caption;
    record.caption_count = 1;
    record.id = (struct span){"a/1", 3};
    record.class = 7;
    return record;
}

static int decode(const struct buffer *value, struct record *record, struct object_places *places) {
    char reason[RECORD_REASON];
    return place_decode(record, places, value->bytes, value->size, reason);
}

static void assert_same(const struct object_place *a, const struct object_place *b) {
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->object, b->object);
    assert_int_equal(a->offset, b->offset);
    assert_int_equal(a->length, b->length);
    assert_true(a->hash == b->hash);
}

static void what_was_encoded_comes_back(void **state) {
    (void)state;
    struct object_place given[] = {{PLACE_IMAGE, 0, 512, 1, UINT64_MAX},
                                   {PLACE_IMAGES, 3, INT64_MAX - RECORD_BYTES_LIMIT, 2, 0},
                                   {PLACE_IMAGES, INT32_MAX, 0, 70000, 1ull << 63},
                                   {PLACE_VIDEO, 1, 1ll << 40, 3, 1}};
    struct record record = texts(), plain, again;
    struct buffer value = {0};
    struct object_places places;
    char reason[RECORD_REASON];
    place_encode(&record, &(struct object_places){given, 4}, &value);
    assert_int_equal(decode(&value, &again, &places), 0);
    assert_int_equal(places.count, 4);
    for (int i = 0; i < 4; i++) assert_same(&places.place[i], &given[i]);
    assert_int_equal(again.class, 7);
    assert_int_equal(again.caption_count, 1);
    // Who knows nothing of places reads the texts.
    assert_int_equal(record_decode(&plain, value.bytes, value.size, reason), 0);
    assert_int_equal(record_fields(&plain), record_fields(&record));
    record_release(&plain);
    record_release(&again);
    place_release(&places);
    buffer_release(&value);
}

static void a_value_without_places_has_none(void **state) {
    (void)state;
    struct record record = texts(), again;
    struct buffer value = {0};
    struct object_places places;
    record_encode(&record, &value);
    assert_int_equal(decode(&value, &again, &places), 0);
    assert_int_equal(places.count, 0);
    record_release(&again);
    place_release(&places);
    buffer_release(&value);
}

static void assert_refused(const struct record *record, struct object_place *place, int count) {
    struct buffer value = {0};
    struct record again;
    struct object_places places;
    place_encode(record, &(struct object_places){place, count}, &value);
    assert_int_equal(decode(&value, &again, &places), -EXIT_DATA);
    buffer_release(&value);
}

static void numbers_that_lie_are_refused(void **state) {
    (void)state;
    const struct record record = texts();
    struct record with_image = texts();
    with_image.image = (struct span){"jpeg", 4};
    struct object_place wrong[] = {{PLACE_IMAGE, 0, -1, 1, 0},        {PLACE_IMAGE, -1, 0, 1, 0},
                                   {PLACE_IMAGE, 0, 0, 0, 0},         {PLACE_IMAGE, 0, 0, RECORD_BYTES_LIMIT + 1ll, 0},
                                   {PLACE_IMAGE, 0, INT64_MAX, 1, 0}, {PLACE_SAMPLE, 0, 0, INT64_MAX, 0}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_refused(&record, &wrong[i], 1);
    struct object_place two[] = {{PLACE_IMAGE, 0, 0, 1, 0}, {PLACE_IMAGE, 0, 1, 1, 0}};
    struct object_place sample[] = {{PLACE_SAMPLE, 0, 0, 1, 0}, {PLACE_IMAGE, 0, 1, 1, 0}};
    struct object_place large[] = {{PLACE_IMAGES, 0, 0, RECORD_BYTES_LIMIT, 0}, {PLACE_IMAGES, 0, 1, 1, 0}};
    assert_refused(&record, two, 2);
    assert_refused(&record, sample, 2);
    assert_refused(&record, large, 2);
    assert_refused(&with_image, two, 1);
    struct object_place *many = xcalloc(PLACE_LIMIT + 1, sizeof *many);
    for (int i = 0; i <= PLACE_LIMIT; i++) many[i] = (struct object_place){PLACE_IMAGES, 0, 0, 1, 0};
    assert_refused(&record, many, PLACE_LIMIT + 1);
    free(many);
}

// Cut anywhere, or with any byte changed, a value is refused or decodes to places within bounds.
static void any_bytes_are_refused_or_within_bounds(void **state) {
    (void)state;
    struct object_place given[] = {{PLACE_IMAGE, 0, 512, 1000, 5}, {PLACE_VIDEO, 1, 1ll << 40, 3, 1}};
    const struct record record = texts();
    struct buffer value = {0};
    place_encode(&record, &(struct object_places){given, 2}, &value);
    for (size_t i = 0; i < value.size; i++)
        for (int byte = 0; byte < 256; byte++) {
            struct buffer forged = {0};
            struct record again;
            struct object_places places;
            buffer_append(&forged, value.bytes, byte ? value.size : i);
            if (byte) forged.bytes[i] = (char)byte;
            if (!decode(&forged, &again, &places)) {
                for (int k = 0; k < places.count; k++)
                    assert_true(places.place[k].offset >= 0 && places.place[k].length > 0 &&
                                places.place[k].length <= RECORD_BYTES_LIMIT && places.place[k].object >= 0);
                record_release(&again);
                place_release(&places);
            }
            buffer_release(&forged);
        }
    buffer_release(&value);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_encoded_comes_back),
        cmocka_unit_test(a_value_without_places_has_none),
        cmocka_unit_test(numbers_that_lie_are_refused),
        cmocka_unit_test(any_bytes_are_refused_or_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
