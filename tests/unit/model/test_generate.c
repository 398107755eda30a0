// Captions with a key/value cache: lengths, and that a caption does not depend on the batch around it, nor on what it
// shares with others.
#include "fixture.h"
#include "model/generate/beam_search.h"
#include "model/generate/cached_decoder.h"
#include "model/generate/sampling.h"

struct captioner {
    struct golden golden;
    struct ops *ops;
    struct params *text;
    float *features;
    int64_t *ids;
};

static void open_captioner_of(struct captioner *captioner, const char *golden, const char *device) {
    golden_open(&captioner->golden, golden);
    assert_int_equal(ops_open(&captioner->ops, device, DT_REAL, 2), 0);
    captioner->text = load_part(captioner->ops, &captioner->golden, &text_part);
    captioner->features = golden_copy(&captioner->golden.values, "features");
    captioner->ids = golden_copy(&captioner->golden.batch, "ids");
}

static void open_captioner(struct captioner *captioner, const char *device) {
    open_captioner_of(captioner, "equal_widths", device);
}

static void close_captioner(struct captioner *captioner) {
    params_free(&captioner->text);
    ops_close(&captioner->ops);
    free(captioner->features);
    free(captioner->ids);
    golden_close(&captioner->golden);
}

// The captions of B pictures from picture `first` on.
static int32_t *generate(const struct captioner *captioner, int first, int B, const struct generate_options *options) {
    const struct golden *golden = &captioner->golden;
    int32_t *tokens = xcalloc((size_t)(B * generate_captions_each(options) * golden->T), sizeof *tokens);
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

// Raw logits are summed, so EOS is held back to have captions of some length.
static struct generate_options beams(double diversity) {
    return (struct generate_options){.temperature = 1,
                                     .top_p = 1,
                                     .repetition_penalty = 1,
                                     .min_length = 4,
                                     .num_beams = 6,
                                     .num_beam_groups = 2,
                                     .diversity_penalty = diversity};
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
    static const int range[][2] = {{2, 2}, {2, 4}, {5, 5}, {6, 9}, {2, 13}, {9, 99}};
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
    assert_true(options.num_beams > 1 || shortest < longest);
    free(together);
    close_captioner(&captioner);
}

static void test_a_caption_alone_is_the_caption_in_a_batch(void **state) {
    (void)state;
    struct generate_options greedy = {.temperature = 1, .top_p = 1, .repetition_penalty = 1};
    check_alone("reference", greedy);
    check_alone("reference", sampling());
    check_alone("cpu", greedy);
    check_alone("reference", beams(0));
    check_alone("cpu", beams(0.5));
}

// Several captions of a picture: the first is the one that it has alone, they do not depend on the batch, and no two of
// a picture are alike.
static void check_several(const char *device, struct generate_options options) {
    struct captioner captioner;
    open_captioner(&captioner, device);
    const int G = captioner.golden.G, T = captioner.golden.T, N = 3;
    const size_t bytes = (size_t)T * sizeof(int32_t);
    int32_t *ones = generate(&captioner, 0, G, &options);
    options.captions = N;
    int32_t *together = generate(&captioner, 0, G, &options);
    for (int b = 0; b < G; b++) {
        int32_t *alone = generate(&captioner, b, 1, &options);
        const int32_t *own = together + b * N * T;
        assert_memory_equal(alone, own, (size_t)N * bytes);
        assert_memory_equal(ones + b * T, own, bytes);
        for (int i = 0; i < N; i++)
            for (int j = 0; j < i; j++) assert_memory_not_equal(own + i * T, own + j * T, bytes);
        free(alone);
    }
    free(ones);
    free(together);
    close_captioner(&captioner);
}

static void test_several_captions_of_a_picture(void **state) {
    (void)state;
    check_several("reference", sampling());
    check_several("cpu", sampling());
    check_several("cpu", beams(0));
    check_several("reference", beams(0.5));
}

// Each has a slot, as each beam has.
static void test_memory_is_of_all_captions(void **state) {
    (void)state;
    struct captioner captioner;
    open_captioner(&captioner, "reference");
    struct generate_options options = sampling(), more = sampling(), wide = beams(0.5);
    const struct model_config *config = &captioner.golden.config;
    more.captions = 6;
    const int64_t one = generator_bytes(config, DT_F32, 4, &options), six = generator_bytes(config, DT_F32, 4, &more);
    assert_true(six > one);
    assert_int_equal(six, generator_bytes(config, DT_F32, 4, &wide)); // six beams of each picture
    close_captioner(&captioner);
}

// ---- captions that share the caches against captions that are each read whole again

struct rereader {
    struct cached_decoder decoder;
    const float *features;
    int B, T, V, place;
    int32_t *memory;         // [slots,T]
    struct caption_row *row; // of the last step
};

static void reread_step(void *context, int count, const struct caption_row *row, int place) {
    struct rereader *r = context;
    memcpy(r->row, row, (size_t)count * sizeof *row);
    for (int i = 0; i < count; i++) r->memory[row[i].slot * r->T + place] = row[i].token;
    r->place = place;
}

static const float *reread_logits(void *context, int i, float *room) {
    struct rereader *r = context;
    cached_decoder_begin(&r->decoder, r->B, r->features);
    for (int place = 0; place <= r->place; place++) {
        struct caption_row row = {r->row[i].picture, 0, r->memory[r->row[i].slot * r->T + place]};
        cached_decoder_step(&r->decoder, 1, &row, place);
    }
    return cached_decoder_logits(&r->decoder, 1, room);
}

static void reread_copy(void *context, int to, int from, int first, int count) {
    struct rereader *r = context;
    memcpy(r->memory + to * r->T + first, r->memory + from * r->T + first, (size_t)count * sizeof *r->memory);
}

static void reread_fork(void *context, int to, int from, int count) {
    reread_copy(context, to, from, 0, count);
}

static void run_on(const struct caption_model *model, const struct captioner *captioner,
                   const struct generate_options *options, int32_t *tokens) {
    const struct golden *golden = &captioner->golden;
    const struct score_rules rules = {&golden->config.text, options, golden->config.family};
    const int B = golden->G, T = golden->T;
    if (options->num_beams > 1) {
        struct beam_search *search = beam_search_new(&rules, B, T);
        beam_search_run(search, B, model, tokens, T);
        beam_search_free(&search);
    } else {
        struct sampling *sampling = sampling_new(&rules, B, T, 1);
        sampling_run(sampling, B, captioner->ids, model, tokens, T);
        sampling_free(&sampling);
    }
}

static int32_t *generate_by_rereading(struct captioner *captioner, const struct generate_options *options) {
    const struct golden *golden = &captioner->golden;
    const int B = golden->G, T = golden->T, each = generate_captions_each(options);
    const int slots = B * (options->num_beams > 1 ? beam_search_width(options) : each);
    struct rereader r = {.features = captioner->features, .B = B, .T = T, .V = (int)golden->V};
    r.memory = xcalloc((size_t)(slots * T), sizeof *r.memory);
    r.row = xcalloc((size_t)slots, sizeof *r.row);
    cached_decoder_init(&r.decoder, &golden->config, captioner->text, (struct decoder_size){B, 1, T});
    struct caption_model model = {&r, reread_step, reread_logits, reread_copy, NULL, reread_fork};
    int32_t *tokens = xcalloc((size_t)(B * each * T), sizeof *tokens);
    run_on(&model, captioner, options, tokens);
    cached_decoder_release(&r.decoder);
    free(r.memory);
    free(r.row);
    return tokens;
}

static void check_rereading(const char *golden, const char *device, struct generate_options options) {
    struct captioner captioner;
    open_captioner_of(&captioner, golden, device);
    const int count = captioner.golden.G * captioner.golden.T * generate_captions_each(&options);
    int32_t *tokens = generate(&captioner, 0, captioner.golden.G, &options);
    int32_t *reread = generate_by_rereading(&captioner, &options);
    assert_memory_equal(tokens, reread, (size_t)count * sizeof *tokens);
    free(tokens);
    free(reread);
    close_captioner(&captioner);
}

static void test_beams_share_the_caches(void **state) {
    (void)state;
    check_rereading("equal_widths", "reference", beams(0));
    check_rereading("equal_widths", "reference", beams(2));
    check_rereading("equal_widths", "cpu", beams(1));
}

// Behind prompts with and without padding inside, which may decide over the place behind it; at temperatures where
// captions part late and at once.
static void test_captions_share_their_beginnings(void **state) {
    (void)state;
    static const char *const golden[] = {"equal_widths", "open_clip_legacy", "open_clip_correct", "coca2_cascade"};
    static const double temperature[] = {0.1, 0.7, 2};
    for (int i = 0; i < 4 * 3; i++) {
        struct captioner captioner;
        open_captioner_of(&captioner, golden[i % 4], "reference");
        const struct text_config text = captioner.golden.config.text;
        close_captioner(&captioner);
        const int32_t prompt[] = {text.bos_id, 5, text.pad_id, 6, text.pad_id};
        struct generate_options options = {.temperature = temperature[i / 4],
                                           .top_p = 1,
                                           .repetition_penalty = 1,
                                           .min_length = 6,
                                           .sample = true,
                                           .seed = 3,
                                           .captions = 5};
        check_rereading(golden[i % 4], "reference", options);
        options.prompt = prompt;
        options.prompt_length = 5;
        check_rereading(golden[i % 4], "cpu", options);
        options.prompt_length = 2;
        check_rereading(golden[i % 4], "cpu", options);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_a_caption_alone_is_the_caption_in_a_batch),
        cmocka_unit_test(test_several_captions_of_a_picture),
        cmocka_unit_test(test_memory_is_of_all_captions),
        cmocka_unit_test(test_beams_share_the_caches),
        cmocka_unit_test(test_captions_share_their_beginnings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
