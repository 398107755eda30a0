// Features in memory that both ends have open: which runs have it, which slot a message names, and when it is free
// again.
#include "play.h"

#include "train/outputs.h"

enum { ROWS = 4, WIDTH = 16, BYTES = ROWS * WIDTH * sizeof(float) };
#define IMAGE ((struct address){ROLE_IMAGE, 0})
#define TEXT ((struct address){ROLE_TEXT, 0})

static struct part part;
static struct slots *slots;
static struct slot_reader reader;

static int leave(void **state) {
    slot_reader_close(&reader);
    slots_free(&slots);
    if (part.ops) part_close(&part);
    return leave_play(state);
}

#define SLOTTED(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave)

static void end(void) {
    slot_reader_close(&reader);
    slots_free(&slots);
    part_close(&part);
    end_play();
}

static void open_part(void) {
    assert_done(part_open(&part, &image_row, &typed));
    reader.ops = part.ops;
}

// Rows of so much on from `first`, in a message of microbatch m.
static struct message *features_of(int m, float first) {
    struct message *message = message_new(MESSAGE_DATA, (struct unit){0, m, 0, ROWS});
    float *rows = slots_add(slots, m, message, TENSOR_FEATURES, DT_F32, SHAPE(ROWS, WIDTH));
    for (int i = 0; i < ROWS * WIDTH; i++) rows[i] = first + (float)i;
    return message;
}

static const float *read_features(const struct message *message) {
    const void *rows = NULL;
    assert_done(slot_read(&reader, message, TENSOR_FEATURES, DT_F32, SHAPE(ROWS, WIDTH), &rows));
    return rows;
}

// ---- in training

static void begin(const char *more) {
    char *words = xformat("--device cpu --batch-size 12 --microbatch 4 --images file:images.rec %s", more);
    record_units("images.rec", 0, 1);
    type_play(words);
    free(words);
    open_part();
    const struct actor *image = begin_play(ROLE_IMAGE, 0);
    const struct channel features = edges_channel(&image->edges, "features");
    slots = slots_new(&part, &features, 3, BYTES);
}

static void a_slot_is_its_microbatchs(void **state) {
    (void)state;
    struct message *heard[3];
    float *written = NULL;
    begin("");
    assert_non_null(slots);
    for (int m = 2; m >= 0; m--) {
        struct message *message = features_of(m, 100.0F * (float)m);
        assert_true(message->shared[0]);
        say(actor_of(ROLE_IMAGE, 0), "features", TEXT, message);
    }
    for (int m = 0; m < 3; m++) {
        heard[m] = hear(actor_of(ROLE_TEXT, 0), "features", wanted_data(IMAGE, 0, m));
        const float *rows = read_features(heard[m]);
        for (int i = 0; i < ROWS * WIDTH; i++) assert_true(rows[i] == 100.0F * (float)m + (float)i);
    }
    // The next step's are written over them.
    struct message *message = message_new(MESSAGE_DATA, (struct unit){1, 1, 0, ROWS});
    written = slots_add(slots, 1, message, TENSOR_FEATURES, DT_F32, SHAPE(ROWS, WIDTH));
    written[5] = -7;
    assert_true(read_features(heard[1])[5] == -7);
    message_free(&message);
    for (int m = 0; m < 3; m++) message_free(&heard[m]);
}

// No training, another device, or a wish for frames: messages carry the bytes.
static void without_slots_messages_carry_their_bytes(void **state) {
    (void)state;
    static const char *const words[] = {"--transport frames", "--evaluate", "--device cpu,reference"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        begin(words[i]);
        assert_null(slots);
        struct message *message = features_of(0, 3);
        assert_false(message->shared[0]);
        assert_true(read_features(message)[1] == 4);
        message_free(&message);
        end();
    }
}

// ---- served

static struct actor *image;
static struct edge *consumer;

// A consumer that asks for so many microbatches, and opens memory of this backend when it is given.
static void begin_served(int units, const char *backend) {
    const struct edge_options options = {
        .name = "features", .address = "ipc://features", .manner = EDGE_PULL, .direction = EDGE_IN, .window = 8};
    type_model("--device cpu --features ipc://features");
    open_part();
    image = cast(&image_row, 0);
    assert_done(edges_open(&image->edges, stage_edge(&image_row, "features"), 1));
    assert_done(hub_edge(add_actor(ROLE_TEXT, 0)->hub, &consumer, &options));
    if (backend) edge_opens_shared(consumer, backend);
    for (int m = 0; m < units; m++) edge_want(consumer, ANYBODY, (struct unit){0, m, 0, ROWS});
    slots = slots_new_served(&part, edge_of(image, "features"), ROLE_TEXT, 2, BYTES);
    assert_non_null(slots);
}

static bool answer_in_slot(float first) {
    struct unit unit;
    assert_done(edge_next_ask(edge_of(image, "features"), &unit));
    struct message *message = features_of(unit.microbatch, first);
    const bool shared = message->shared[0];
    say(image, "features", ANYBODY, message);
    return shared;
}

static void assert_answer(int m, float first) {
    struct message *message;
    assert_done(edge_take(consumer, wanted_data(ANYBODY, 0, m), &message));
    assert_true(read_features(message)[1] == first + 1);
    message_free(&message);
}

static void a_served_slot_is_free_when_the_reader_gives_it_back(void **state) {
    (void)state;
    begin_served(5, "cpu");
    assert_true(answer_in_slot(10));
    assert_true(answer_in_slot(20));
    assert_false(answer_in_slot(30)); // both are taken
    assert_answer(0, 10);
    slot_give_back(&reader);
    assert_true(answer_in_slot(40));
    assert_false(answer_in_slot(50));
    assert_answer(3, 40);
    assert_answer(1, 20);
    assert_answer(2, 30);
    assert_answer(4, 50);
}

static void a_consumer_that_opens_nothing_gets_bytes(void **state) {
    (void)state;
    static const char *const backends[] = {NULL, "cuda"};
    for (int i = 0; i < 2; i++) {
        begin_served(1, backends[i]);
        assert_false(answer_in_slot(10));
        assert_answer(0, 10);
        end();
    }
}

// ---- what every pass checks and passes on

static struct message *input_of(int samples) {
    static const char *const names[] = {"a", "b"};
    struct message *message = message_new(MESSAGE_DATA, (struct unit){3, 1, 8, samples});
    int64_t *ids = message_add(message, TENSOR_IDS, DT_I64, SHAPE(2));
    int32_t *tokens = message_add(message, TENSOR_TOKENS, DT_I32, SHAPE(samples, 2));
    ids[0] = 5;
    ids[1] = 6;
    for (int i = 0; i < 2 * samples; i++) tokens[i] = i;
    message_add_strings(message, TENSOR_NAMES, names, 2);
    message_add_strings(message, TENSOR_DROPS, names, 1);
    return message;
}

static void what_identifies_the_samples_is_passed_on(void **state) {
    (void)state;
    struct message *input = input_of(2);
    for (int train = 0; train < 2; train++) {
        const struct work work = {.step = 3, .microbatch = 1, .microbatches = 7, .B = 2, .train = train};
        struct message *output = output_new(&work, input);
        assert_int_equal(output->microbatches, 7);
        assert_int_equal(output->unit.first, 8);
        assert_int_equal(((const int64_t *)message_find(output, TENSOR_IDS)->data)[1], 6);
        assert_string_equal(message_string(output, TENSOR_NAMES, 1), "b");
        assert_true((message_string(output, TENSOR_DROPS, 0) == NULL) == train); // in training they go with the norm
        assert_null(message_find(output, TENSOR_TOKENS));
        message_free(&output);
    }
    message_free(&input);
}

static void a_microbatch_is_whole_in_training_and_never_larger(void **state) {
    (void)state;
    static const bool fits[2][4] = {{true, true, true, false}, {false, false, true, false}};
    for (int train = 0; train < 2; train++)
        for (int samples = 0; samples < 4; samples++) {
            const struct work work = {.step = 3, .microbatch = 1, .B = 2, .train = train};
            const void *tokens;
            struct message *input = input_of(samples);
            const struct shape shape = SHAPE(samples, 2);
            if (fits[train][samples]) {
                assert_done(input_tensor(&work, input, TENSOR_TOKENS, DT_I32, shape, &tokens));
                assert_true((tokens != NULL) == (samples > 0));
            } else {
                assert_refused(EXIT_USAGE, "step 3, microbatch 1 has",
                               input_tensor(&work, input, TENSOR_TOKENS, DT_I32, shape, &tokens));
            }
            message_free(&input);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SLOTTED(a_slot_is_its_microbatchs),
        SLOTTED(without_slots_messages_carry_their_bytes),
        SLOTTED(a_served_slot_is_free_when_the_reader_gives_it_back),
        SLOTTED(a_consumer_that_opens_nothing_gets_bytes),
        SLOTTED(what_identifies_the_samples_is_passed_on),
        SLOTTED(a_microbatch_is_whole_in_training_and_never_larger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
