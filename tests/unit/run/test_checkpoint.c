// A checkpoint appears whole or not at all, and damage to any file at any byte is told.
#include "run.h"

#include "base/hash.h"
#include "run/checkpoint.h"

static void write_text(const char *path, const char *text) {
    assert_done(file_write(path, text, strlen(text)));
}

static void add_file(struct checkpoint *checkpoint, const char *name, const char *text) {
    char *directory = checkpoint_aside(CHECKPOINTS, checkpoint->step), *path = path_join(directory, name);
    assert_done(directory_make(directory));
    write_text(path, text);
    struct written_file *file = written_add(&checkpoint->written, name);
    file->size = (int64_t)strlen(text);
    file->checksum = hash_bytes(text, strlen(text), 0);
    free(path);
    free(directory);
}

static struct checkpoint commit(int64_t step, int64_t keep) {
    struct checkpoint checkpoint = {
        .step = step, .samples = step * 48, .elapsed = 1.0 / 3, .model = 0xfedcba9876543210};
    add_file(&checkpoint, "image.safetensors", "weights of the image half");
    add_file(&checkpoint, "text.safetensors", "weights of the text half");
    add_file(&checkpoint, "text.optimizer.safetensors", "moments");
    assert_done(checkpoint_commit(&checkpoint, CHECKPOINTS, keep));
    return checkpoint;
}

static void what_is_committed_reads_back(void **state) {
    (void)state;
    struct checkpoint written = commit(7, 2), found;
    assert_done(checkpoint_read(&found, "checkpoints/step-7"));
    assert_int_equal(found.step, 7);
    assert_int_equal(found.samples, 336);
    assert_true(found.elapsed == 1.0 / 3);
    assert_true(found.model == written.model);
    assert_int_equal(found.written.count, 3);
    assert_true(found.written.file[2].checksum == written.written.file[2].checksum);
    assert_non_null(checkpoint_file(&found, "text.safetensors"));
    assert_null(checkpoint_file(&found, "text.ema.safetensors"));
    assert_done(checkpoint_verify(&found, "checkpoints/step-7", ""));
}

static int64_t newest(void) {
    int64_t step;
    assert_done(checkpoint_newest(CHECKPOINTS, &step));
    return step;
}

static void the_newest_are_kept(void **state) {
    (void)state;
    for (int step = 1; step <= 12; step++) commit(step, 3);
    assert_int_equal(newest(), 12);
    assert_false(directory_exists("checkpoints/step-9"));
    assert_true(directory_exists("checkpoints/step-10")); // by number, not by name
    assert_true(directory_exists("checkpoints/step-11"));
}

static void what_was_not_finished_is_none(void **state) {
    (void)state;
    struct checkpoint begun = {.step = 5};
    assert_int_equal(newest(), -1);
    add_file(&begun, "image.safetensors", "half of the weights");
    assert_int_equal(newest(), -1);
    commit(3, 2);
    assert_int_equal(newest(), 3);
    assert_done(checkpoint_clean(CHECKPOINTS));
    assert_false(directory_exists("checkpoints/.step-5"));
    assert_true(directory_exists("checkpoints/step-3"));
}

static int read_and_verify(void) {
    struct checkpoint found;
    int status = checkpoint_read(&found, "checkpoints/step-7");
    return status ? status : checkpoint_verify(&found, "checkpoints/step-7", "");
}

static void read_whole(const char *path, struct buffer *bytes) {
    buffer_clear(bytes);
    assert_done(file_read(path, 1 << 20, bytes));
}

static void assert_told(const char *path, const char *name) {
    listen_in();
    int status = read_and_verify();
    const char *said = heard();
    if (status != -EXIT_DATA) fail_msg("%s is damaged, and reads as %d", path, status);
    assert_has(said, name);
}

// Cuts the file at every byte, then changes every byte.
static void damage(const char *name) {
    struct buffer whole = {0};
    char *path = xformat("checkpoints/step-7/%s", name);
    read_whole(path, &whole);
    for (size_t cut = 0; cut < whole.size; cut++) {
        assert_done(file_write(path, whole.bytes, cut));
        assert_told(path, name);
    }
    for (size_t i = 0; i < whole.size; i++) {
        whole.bytes[i] ^= 4;
        assert_done(file_write(path, whole.bytes, whole.size));
        assert_told(path, name);
        whole.bytes[i] ^= 4;
    }
    assert_done(unlink(path));
    assert_told(path, name);
    assert_done(file_write(path, whole.bytes, whole.size));
    assert_done(read_and_verify());
    buffer_release(&whole);
    free(path);
}

static void a_damaged_file_is_named(void **state) {
    (void)state;
    commit(7, 2);
    damage("image.safetensors");
    damage("text.safetensors");
    damage("text.optimizer.safetensors");
}

// Without its last brace a manifest is no JSON, so only the white space behind may be lost.
static void a_cut_manifest_is_named(void **state) {
    (void)state;
    struct buffer whole = {0};
    commit(7, 2);
    read_whole("checkpoints/step-7/manifest.json", &whole);
    size_t last = (size_t)(strrchr(whole.bytes, '}') - whole.bytes);
    for (size_t cut = 0; cut <= last; cut++) {
        assert_done(file_write("checkpoints/step-7/manifest.json", whole.bytes, cut));
        assert_told("manifest.json", "manifest.json");
    }
    buffer_release(&whole);
}

static void a_manifest_that_lies_is_refused(void **state) {
    (void)state;
    static const char *const lies[] = {
        "{}",
        "[]",
        "{\"step\": 7, \"samples\": 1, \"elapsed\": 1, \"model\": \"0\", \"files\": []}",
        "{\"step\": -7, \"samples\": 1, \"elapsed\": 1, \"model\": \"0\", \"files\": [1]}",
        "{\"step\": 7, \"samples\": 1, \"elapsed\": 1, \"model\": \"0\", \"files\": [{\"name\": \"../../x\", \"size\": "
        "1, "
        "\"checksum\": \"0\"}]}",
        "{\"step\": 7, \"samples\": 1, \"elapsed\": 1, \"model\": \"0\", \"files\": [{\"name\": \"x\"}]}",
        "{\"step\": 7, \"samples\": 1, \"elapsed\": 1, \"model\": \"0\", \"files\": [{\"name\": \"x\", \"size\": 1, "
        "\"checksum\": \"0\", \"more\": 1}]}",
    };
    commit(7, 2);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        write_text("checkpoints/step-7/manifest.json", lies[i]);
        assert_told("manifest.json", "manifest.json");
    }
}

static void a_part_looks_at_its_own_files_alone(void **state) {
    (void)state;
    struct checkpoint found;
    commit(7, 2);
    write_text("checkpoints/step-7/text.safetensors", "weights of a text half!!");
    assert_done(checkpoint_read(&found, "checkpoints/step-7"));
    assert_done(checkpoint_verify(&found, "checkpoints/step-7", "image."));
    assert_refused(EXIT_DATA, "text.safetensors", checkpoint_verify(&found, "checkpoints/step-7", "text."));
}

static void a_checkpoint_that_is_not_there_is_told(void **state) {
    (void)state;
    struct checkpoint found;
    assert_refused(EXIT_DATA, "step-7", checkpoint_read(&found, "checkpoints/step-7"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_is_committed_reads_back),
        IN_FOLDER(the_newest_are_kept),
        IN_FOLDER(what_was_not_finished_is_none),
        IN_FOLDER(a_damaged_file_is_named),
        IN_FOLDER(a_cut_manifest_is_named),
        IN_FOLDER(a_manifest_that_lies_is_refused),
        IN_FOLDER(a_part_looks_at_its_own_files_alone),
        IN_FOLDER(a_checkpoint_that_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
