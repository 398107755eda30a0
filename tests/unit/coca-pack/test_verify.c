// coca-pack verify on datasets that coca-pack pack does not make.
#include "../../../stages/coca-pack/commands.h"
#include "../base/folder.h"
#include "base/fail.h"
#include "dataset/shard.h"
#include "image/image.h"

static void add_record(struct shard_writer *shard, struct span picture, const char *id) {
    struct span caption = {"a caption", 9};
    struct record record = RECORD_EMPTY;
    struct buffer value = {0};
    record.image = picture;
    record.id = (struct span){id, strlen(id)};
    record.captions = &caption;
    record.caption_count = 1;
    record_encode(&record, &value);
    const struct span packed = {value.bytes, value.size};
    assert_done(shard_writer_add(shard, packed, packed, record_fields(&record)));
    buffer_release(&value);
}

// A dataset, right by its fingerprints, of five records: fit, not a record, fit, without a picture that decodes, with
// an id in Latin-1.
static void make_dataset(const char *directory) {
    static const uint8_t pixels[3];
    struct manifest manifest = {0};
    struct manifest_shard listed;
    struct shard_writer *shard;
    struct span picture;
    void *png;
    assert_done(directory_make(directory));
    char *path = manifest_shard_path(directory, 0);
    assert_done(shard_writer_open(&shard, path, MANIFEST_VERSION));
    assert_done(image_encode_png(&png, &picture.size, pixels, 1, 1, 3));
    picture.bytes = png;
    add_record(shard, picture, "first");
    assert_done(shard_writer_add(shard, (struct span){"no map", 6}, (struct span){"no map", 6}, 0));
    add_record(shard, picture, "caf\xc3\xa9");
    add_record(shard, (struct span){"no picture", 10}, "fourth");
    add_record(shard, picture, "caf\xe9");
    assert_done(shard_writer_commit(&shard, &listed));
    manifest_add(&manifest, listed);
    assert_done(manifest_write(&manifest, directory));
    manifest_release(&manifest);
    free(png);
    free(path);
}

static void test_every_record_that_is_not_fit_is_named(void **state) {
    (void)state;
    const struct command command = {"verify", "", verify_main};
    char name[] = "coca-pack verify", directory[] = "set", *arguments[] = {name, directory, NULL};
    make_dataset("set");
    listen_in();
    int code = verify_main(&command, 2, arguments);
    const char *text = heard();
    assert_has(text, "set: record 1: unreadable: ");
    assert_has(text, "set: record 3: picture does not decode: ");
    assert_has(text, "set: record 4: id is not UTF-8");
    assert_has(text, "set: 3 of 5 records are not fit");
    assert_int_equal(code, EXIT_DATA);
}

int main(void) {
    const struct CMUnitTest tests[] = {IN_FOLDER(test_every_record_that_is_not_fit_is_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
