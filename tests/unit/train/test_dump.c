// Parts of a dump that each stage and rank wrote aside become files of the whole batch, and go.
#include "conduct.h"

#include "base/json.h"
#include "tensor/safetensors.h"
#include "train/dump.h"

enum { ROWS = 2, WIDTH = 3 }; // of a rank's features

static struct part image;

static int leave(void **state) {
    if (image.ops) part_close(&image);
    return leave_stage(state);
}

#define DUMPING(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave)

// image-encode's part, with gradients 0, 1, 2, …
static void open_image(void) {
    assert_done(part_open(&image, &image_row, &typed));
    assert_done(part_load(&image, true));
    for (int64_t i = 0; i < image.params->elements; i++) image.params->gradient[i] = (real)i;
}

// The part of the dump of one of `ranks`, whose gradients are those of its own tensors and whose features are its own
// rows of 0, 1, 2, …
static void write_rank(int rank, int ranks, bool aside) {
    params_layout_deal(image.params, rank, ranks);
    float rows[ROWS * WIDTH];
    for (int i = 0; i < ROWS * WIDTH; i++) rows[i] = (float)(rank * ROWS * WIDTH + i);
    const struct tensor features = {.name = "features", .dtype = DT_F32, .shape = SHAPE(ROWS, WIDTH), .data = rows};
    assert_done(dump_write_part(&image, rank, &features, 1, aside));
}

static void assert_gradients(const char *path) {
    struct safetensors file;
    assert_done(safetensors_open(&file, path));
    for (int i = 0; i < image.params->count; i++) {
        const struct param *param = &image.params->item[i];
        const struct tensor *found = safetensors_find(&file, param->name);
        assert_non_null(found);
        assert_true(shape_equal(found->shape, param->shape));
        assert_memory_equal(found->data, image.params->gradient + param->offset, (size_t)tensor_bytes(found));
    }
    safetensors_close(&file);
}

static void assert_features(const char *path, int ranks) {
    struct safetensors file;
    assert_done(safetensors_open(&file, path));
    const struct tensor *found = safetensors_find(&file, "features");
    assert_non_null(found);
    assert_true(shape_equal(found->shape, SHAPE(ranks * ROWS, WIDTH)));
    for (int i = 0; i < ranks * ROWS * WIDTH; i++) assert_true(((const float *)found->data)[i] == (float)i);
    safetensors_close(&file);
}

static void a_part_alone_is_the_whole_dump(void **state) {
    (void)state;
    type_model("--dump dumped");
    open_image();
    write_rank(0, 1, false);
    assert_gradients("dumped/image.grads.safetensors");
    assert_features("dumped/image.outputs.safetensors", 1);
}

// Each tensor of the table in its place, whoever owned it.
static void assert_order(const char *path) {
    struct safetensors file;
    int next = 0;
    assert_done(safetensors_open(&file, path));
    for (size_t i = 0; i < file.count; i++)
        if (next < image.params->count && !strcmp(file.tensor[i].name, image.params->item[next].name)) next++;
    assert_int_equal(next, image.params->count);
    safetensors_close(&file);
}

// Whoever writes first.
static void parts_of_ranks_are_joined_in_their_order(void **state) {
    (void)state;
    static const int order[] = {2, 0, 1};
    type_model("--dump dumped");
    topology_set_ranks(&play.topology, ROLE_IMAGE, 3);
    open_image();
    for (int i = 0; i < 3; i++) write_rank(order[i], 3, true);
    assert_done(dump_join(&image, &play.topology, "{\"loss\": 1}"));
    assert_gradients("dumped/grads.safetensors");
    assert_order("dumped/grads.safetensors");
    assert_features("dumped/outputs.safetensors", 3);
    for (int i = 0; i < 6; i++) {
        char *part = xformat("dumped/.image.%d.%s.safetensors", i / 2, i % 2 ? "outputs" : "grads");
        assert_false(file_exists(part));
        free(part);
    }
    json_t *losses = json_read("dumped/losses.json", 1 << 10);
    assert_true(json_number_value(json_object_get(losses, "loss")) == 1);
    json_decref(losses);
}

// ---- a dumped step

static void write_follower(const char *role) {
    struct part part;
    assert_done(part_open(&part, stage_find(role), &typed));
    assert_done(part_load(&part, true));
    assert_done(dump_write_part(&part, 0, NULL, 0, true));
    part_close(&part);
}

static bool order_says_dump(int64_t step) {
    struct step_order order;
    struct message *message = hear(actor_of(ROLE_TEXT, 0), "control", wanted_word(WORD_STEP, LOSS, step, 0));
    assert_done(step_unpack(message, &order));
    message_free(&message);
    return order.dump;
}

static void assert_embeddings(int side, const char *name) {
    struct safetensors file;
    assert_done(safetensors_open(&file, "dumped/outputs.safetensors"));
    const struct tensor *found = safetensors_find(&file, name);
    assert_non_null(found);
    assert_true(shape_equal(found->shape, SHAPE(G, E)));
    for (int64_t i = 0; i < G * E; i++) assert_true(((const float *)found->data)[i] == value(side, G + i / E, i % E));
    safetensors_close(&file);
}

// Step 1 of a run of three is dumped; the third is never reached, since a follower leaves.
static void a_dumped_step_is_left_whole(void **state) {
    (void)state;
    struct buffer metrics = {0}, losses = {0};
    struct safetensors file;
    begin_stage("--dump dumped --dump-step 1", 1, 1);
    typed.start.steps = 3;
    for (int64_t step = 0; step < 2; step++) say_step(step);
    write_follower(ROLE_IMAGE);
    write_follower(ROLE_TEXT);
    say_done(1, false);
    say_end(actor_of(ROLE_IMAGE, 0), "embeddings");
    assert_refused(EXIT_PEER, "image-encode 0 ended within step 2", conductor_train(&stage.conductor));
    assert_false(order_says_dump(0));
    assert_true(order_says_dump(1));
    assert_embeddings(GATHER_IMAGE, "image_embedding");
    assert_embeddings(GATHER_TEXT, "text_embedding");
    assert_done(safetensors_open(&file, "dumped/grads.safetensors"));
    assert_non_null(safetensors_find(&file, "logit_scale"));
    assert_non_null(safetensors_find(&file, "visual.proj"));
    assert_non_null(safetensors_find(&file, "text.text_projection"));
    safetensors_close(&file);
    assert_done(file_read("metrics.jsonl", 1 << 16, &metrics));
    assert_done(file_read("dumped/losses.json", 1 << 16, &losses));
    assert_string_equal(strchr(metrics.bytes, '\n') + 1, losses.bytes);
    buffer_release(&metrics);
    buffer_release(&losses);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        DUMPING(a_part_alone_is_the_whole_dump),
        DUMPING(parts_of_ranks_are_joined_in_their_order),
        DUMPING(a_dumped_step_is_left_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
