// Captions with a key/value cache: lengths, and that a caption does not depend on the batch around it.
#include "fixture.h"

struct captioner {
    struct golden golden;
    struct ops *ops;
    struct params *text;
    float *features;
    int64_t *ids;
};

static void open_captioner(struct captioner *captioner, const char *device) {
    golden_open(&captioner->golden, "equal_widths");
    assert_int_equal(ops_open(&captioner->ops, device, DT_REAL, 2), 0);
    captioner->text = load_part(captioner->ops, &captioner->golden, PART_TEXT);
    captioner->features = golden_copy(&captioner->golden.values, "features");
    captioner->ids = golden_copy(&captioner->golden.batch, "ids");
}

static void close_captioner(struct captioner *captioner) {
    params_free(&captioner->text);
    ops_close(&captioner->ops);
    free(captioner->features);
    free(captioner->ids);
    golden_close(&captioner->golden);
}

// B captions from picture `first` on.
static int32_t *generate(const struct captioner *captioner, int first, int B, const struct generate_options *options) {
    const struct golden *golden = &captioner->golden;
    int32_t *tokens = xcalloc((size_t)(B * golden->T), sizeof *tokens);
    assert_int_equal(generate_options_check(&golden->config, options), 0);
    struct generator *generator = generator_new(&golden->config, captioner->text, golden->G, options);
    generator_run(generator, B, captioner->features + first * golden->N * golden->D, captioner->ids + first, tokens);
    generator_free(&generator);
    return tokens;
}

static struct generate_options sampling(void) {
    return (struct generate_options){
        .temperature = 1.2, .top_k = 12, .top_p = 0.95, .repetition_penalty = 1.1, .sample = true, .seed = 5};
}

static int length_of(const struct golden *golden, const int32_t *token) {
    int length = 0;
    while (length < golden->T && token[length] != golden->config.text.pad_id) length++;
    return length;
}

static void check_lengths(const struct golden *golden, const int32_t *tokens, int low, int high) {
    const struct text_config *text = &golden->config.text;
    for (int b = 0; b < golden->G; b++) {
        const int32_t *token = tokens + b * golden->T;
        int length = length_of(golden, token);
        assert_true(length >= low && length <= high);
        assert_int_equal(token[0], text->bos_id);
        if (length < high) assert_int_equal(token[length - 1], text->eos_id);
        for (int t = 1; t < length - 1; t++) assert_true(token[t] != text->eos_id && token[t] != text->bos_id);
        for (int t = length; t < golden->T; t++) assert_int_equal(token[t], text->pad_id);
    }
}

static void test_lengths(void **state) {
    (void)state;
    static const int range[][2] = {
        {2, 2 },
        {2, 4 },
        {5, 5 },
        {6, 9 },
        {2, 13},
        {9, 99}
    };
    struct captioner captioner;
    open_captioner(&captioner, "reference");
    for (size_t i = 0; i < sizeof range / sizeof *range; i++) {
        struct generate_options options = sampling();
        options.min_length = range[i][0] - 1;
        options.max_length = range[i][1];
        int32_t *tokens = generate(&captioner, 0, captioner.golden.G, &options);
        check_lengths(&captioner.golden, tokens, range[i][0], (int)fmin(range[i][1], captioner.golden.T));
        free(tokens);
    }
    close_captioner(&captioner);
}

// Captions end at different places, and each is the one that its picture gets alone.
static void check_alone(const char *device, struct generate_options options) {
    struct captioner captioner;
    open_captioner(&captioner, device);
    const struct golden *golden = &captioner.golden;
    int32_t *together = generate(&captioner, 0, golden->G, &options);
    int shortest = golden->T, longest = 0;
    for (int b = 0; b < golden->G; b++) {
        int32_t *alone = generate(&captioner, b, 1, &options);
        assert_memory_equal(alone, together + b * golden->T, (size_t)golden->T * sizeof *alone);
        shortest = (int)fmin(shortest, length_of(golden, alone));
        longest = (int)fmax(longest, length_of(golden, alone));
        free(alone);
    }
    assert_true(shortest < longest);
    free(together);
    close_captioner(&captioner);
}

static void test_a_caption_alone_is_the_caption_in_a_batch(void **state) {
    (void)state;
    struct generate_options greedy = {.temperature = 1, .top_p = 1, .repetition_penalty = 1};
    check_alone("reference", greedy);
    check_alone("reference", sampling());
    check_alone("cpu", greedy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_a_caption_alone_is_the_caption_in_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
