// Captions of a picture that are equal so far share a row: which rows a step has, what is copied where, and that each
// caption is the one that it would be alone.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/generate/sampling.h"
#include "model/generate/shared_rows.h"

enum { V = 11, MOST = 64, LENGTH = 14, PAD = 0, BOS = 1, EOS = 2 };

static const struct text_config config = {.vocab_size = V, .pad_id = PAD, .bos_id = BOS, .eos_id = EOS};

// ---- a model that knows of each slot what came to it, and makes logits of just that

struct fake {
    int32_t memory[MOST][LENGTH];                     // −1: nothing came
    struct caption_row row[MOST];                     // of the last step
    int place, rows[LENGTH];                          // of that step; of all
    int copies[LENGTH], to[MOST], from[MOST], copied; // by place; in their order
    float logits[V];
};

static void begin(struct fake *fake) {
    memset(fake, 0, sizeof *fake);
    memset(fake->memory, -1, sizeof fake->memory);
}

// Places come to a slot once and in their order; pictures ascend.
static void step(void *context, int count, const struct caption_row *row, int place) {
    struct fake *fake = context;
    assert_true(count > 0 && count <= MOST && place < LENGTH);
    for (int i = 0; i < count; i++) {
        int32_t *memory = fake->memory[row[i].slot];
        assert_true(!i || row[i].picture >= row[i - 1].picture);
        for (int t = 0; t < LENGTH; t++) assert_int_equal(memory[t] >= 0, t < place);
        memory[place] = row[i].token;
    }
    memcpy(fake->row, row, (size_t)count * sizeof *row);
    fake->place = place;
    fake->rows[place] = count;
}

static void fork_slot(void *context, int to, int from, int count) {
    struct fake *fake = context;
    for (int t = 0; t < LENGTH; t++) {
        assert_int_equal(fake->memory[to][t], -1);
        assert_int_equal(fake->memory[from][t] >= 0, t < count);
    }
    memcpy(fake->memory[to], fake->memory[from], (size_t)count * sizeof **fake->memory);
    fake->copies[count]++;
    fake->to[fake->copied] = to;
    fake->from[fake->copied++] = from;
}

static void hash_logits(float logits[V], int32_t picture, const int32_t *token, int length) {
    uint32_t h = (2166136261U ^ (uint32_t)picture) * 16777619U;
    for (int t = 0; t < length; t++) h = (h ^ (uint32_t)token[t]) * 16777619U;
    for (int v = 0; v < V; v++) {
        uint32_t x = (h + (uint32_t)v * 0x9e3779b9U) * 0x7feb352dU;
        x = (x ^ x >> 15) * 0x846ca68bU;
        logits[v] = (float)(x >> 8) / 4194304 - (v == PAD || v == EOS ? 1.0F : 0);
    }
}

static const float *logits_of(void *context, int i, float *room) {
    const struct fake *fake = context;
    hash_logits(room, fake->row[i].picture, fake->memory[fake->row[i].slot], fake->place + 1);
    return room;
}

// ---- rows from captions' tokens

// Captions of pictures, each a string of tokens; a space: it has ended.
struct story {
    int each, B;
    const char *caption[8];
    int rows[6]; // by place
    int copied, to[8], from[8];
};

static const struct story stories[] = {
    {1, 3, {"abcd", "axcd", "bbbb"}, {3, 3, 3, 3}, 0, {0}, {0}},
    {4, 1, {"abcd", "abcd", "abcd", "abcd"}, {1, 1, 1, 1}, 0, {0}, {0}},
    // all at once: all but one
    {4, 1, {"abcd", "aecd", "afcd", "agcd"}, {1, 4, 4, 4}, 3, {1, 2, 3}, {0, 0, 0}},
    // two groups, the second of 1 and 3; 3 leaves it; 2 leaves the first. Words that come together again mean nothing
    {4, 1, {"abcdf", "aecdf", "abddf", "aeddf"}, {1, 2, 4, 4, 4}, 3, {1, 2, 3}, {0, 0, 1}},
    // the first ends, and what goes on behind it stays in its slot, though it parts then
    {3, 1, {"ab  ", "abcd", "abce"}, {1, 1, 1, 2}, 1, {2}, {0}},
    {3, 1, {"a   ", "abcd", "abce"}, {1, 1, 1, 2}, 1, {2}, {0}},
    {3, 1, {"abcd", "ab  ", "abxd"}, {1, 1, 2, 2}, 1, {2}, {0}},
    // equal words of other pictures are other rows
    {2, 3, {"abcd", "abed", "abcd", "abcd", "axcd", "aycd"}, {3, 4, 5, 5}, 2, {5, 1}, {4, 0}},
};

static void drop_ended(struct shared_rows *rows, const int32_t *tokens, int place) {
    int left = 0;
    for (int i = 0; i < rows->captions; i++)
        if (tokens[rows->sharer[i].caption * LENGTH + place] != ' ') rows->sharer[left++] = rows->sharer[i];
    rows->captions = left;
}

static void check_story(const struct story *story) {
    struct fake fake;
    const struct caption_model model = {&fake, step, logits_of, NULL, NULL, fork_slot};
    struct shared_rows rows;
    int32_t tokens[8 * LENGTH];
    const int captions = story->B * story->each, length = (int)strlen(story->caption[0]);
    begin(&fake);
    for (int i = 0; i < captions; i++)
        for (int t = 0; t < length; t++) tokens[i * LENGTH + t] = story->caption[i][t];
    shared_rows_init(&rows, story->B, story->each);
    shared_rows_begin(&rows, story->B);
    for (int place = 0; place < length; place++) {
        drop_ended(&rows, tokens, place);
        shared_rows_list(&rows, &model, tokens, LENGTH, place);
        step(&fake, rows.count, rows.row, place);
        assert_int_equal(rows.count, story->rows[place]);
        for (int i = 0; i < rows.captions; i++) // it is in a slot that had its tokens
            assert_memory_equal(fake.memory[rows.row[rows.sharer[i].row].slot],
                                tokens + rows.sharer[i].caption * LENGTH, (size_t)(place + 1) * sizeof *tokens);
    }
    assert_int_equal(fake.copied, story->copied);
    assert_memory_equal(fake.to, story->to, (size_t)fake.copied * sizeof *fake.to);
    assert_memory_equal(fake.from, story->from, (size_t)fake.copied * sizeof *fake.from);
    shared_rows_release(&rows);
}

static void test_rows_and_copies(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) check_story(&stories[i]);
}

// ---- captions that are drawn

static bool stops(void *context, const int32_t *token, int length) {
    (void)context;
    return token[length - 1] == 7;
}

// One caption at a time, without slots.
static void draw_alone(const struct score_rules *rules, int32_t picture, int64_t number, int n, int32_t *token) {
    struct sampler sampler;
    float logits[V];
    int length;
    const int32_t *prompt = score_prompt(rules, &length);
    const bool open_clip = rules->family == FAMILY_OPEN_CLIP;
    sampler_init(&sampler, *rules);
    for (int t = 0; t < LENGTH; t++) token[t] = t < length ? prompt[t] : PAD;
    for (bool goes_on = true; goes_on && length < LENGTH; length++) {
        hash_logits(logits, picture, token, length);
        token[length] = open_clip && length == LENGTH - 1
                            ? EOS
                            : sampler_choose(&sampler, logits, token, length, sampler_key(&sampler, number, n));
        goes_on = token[length] != EOS && !(open_clip && token[length] == PAD);
        if (goes_on && rules->options->stops && stops(NULL, token, length + 1)) {
            if (length + 1 < LENGTH) token[length + 1] = EOS;
            goes_on = false;
        }
    }
    sampler_release(&sampler);
}

// Whether the model has to read the caption's token at `place`, to say what stands behind it.
static bool reads(const struct score_rules *rules, const int32_t *token, int place) {
    int length;
    score_prompt(rules, &length);
    for (int t = length; t <= place; t++)
        if (token[t] == EOS || (rules->options->stops && token[t] == 7) ||
            (rules->family == FAMILY_OPEN_CLIP && token[t] == PAD))
            return false;
    return place + 1 < LENGTH;
}

// Different beginnings of so many tokens, by picture, among captions whose token at `place` is read.
static int beginnings(const struct score_rules *rules, const int32_t *tokens, int captions, int length, int place) {
    const int each = generate_captions_each(rules->options);
    int count = 0;
    for (int i = 0; i < captions; i++) {
        bool first = reads(rules, tokens + i * LENGTH, place);
        for (int j = i / each * each; first && j < i; j++)
            first = !reads(rules, tokens + j * LENGTH, place) ||
                    memcmp(tokens + i * LENGTH, tokens + j * LENGTH, (size_t)length * sizeof *tokens) != 0;
        count += first;
    }
    return count;
}

// The rows that steps have, and those that captions of their own would have.
struct saved {
    int shared, own;
};

static void check_counts(const struct score_rules *rules, const struct fake *fake, const int32_t *tokens, int captions,
                         struct saved *saved) {
    for (int place = 0; place < LENGTH; place++) {
        const int rows = beginnings(rules, tokens, captions, place + 1, place);
        assert_int_equal(fake->rows[place], rows);
        assert_int_equal(fake->copies[place], rows - beginnings(rules, tokens, captions, place, place));
        saved->shared += rows;
        for (int i = 0; i < captions; i++) saved->own += reads(rules, tokens + i * LENGTH, place);
    }
}

static void check_draws(const struct generate_options *options, enum model_family family, struct saved *saved) {
    enum { B = 4 };
    static const int64_t numbers[B] = {70, 3, 12, 9};
    const struct score_rules rules = {&config, options, family};
    const int each = generate_captions_each(options);
    int32_t tokens[MOST * LENGTH], alone[LENGTH];
    struct fake fake;
    const struct caption_model model = {&fake, step, logits_of, NULL, NULL, fork_slot};
    struct sampling *sampling = sampling_new(&rules, B, LENGTH, 2);
    for (int run = 0; run < 2; run++) { // nothing of the first run is left
        begin(&fake);
        sampling_run(sampling, B, numbers, &model, tokens, LENGTH);
    }
    for (int i = 0; i < B * each; i++) {
        draw_alone(&rules, i / each, numbers[i / each], i % each, alone);
        assert_memory_equal(tokens + i * LENGTH, alone, sizeof alone);
    }
    check_counts(&rules, &fake, tokens, B * each, saved);
    sampling_free(&sampling);
}

static void test_captions_are_those_of_rows_of_their_own(void **state) {
    (void)state;
    static const int32_t prompt[] = {BOS, 4, PAD, 4};
    static const double temperature[] = {0.2, 0.6, 1, 4};
    for (int i = 0; i < 4 * 2 * 2 * 2 * 2; i++) {
        struct generate_options options = {.temperature = temperature[i % 4],
                                           .top_p = i & 4 ? 0.9 : 1,
                                           .repetition_penalty = i & 4 ? 1.3 : 1,
                                           .sample = true,
                                           .seed = (uint64_t)i,
                                           .captions = 5,
                                           .stops = i & 8 ? stops : NULL};
        struct saved saved = {0}, none = {0};
        if (i & 16) options.prompt = prompt;
        options.prompt_length = i & 16 ? 4 : 0;
        check_draws(&options, i & 32 ? FAMILY_OPEN_CLIP : FAMILY_PAPER, &saved);
        assert_true(saved.shared < saved.own);
        options.captions = 1;
        check_draws(&options, i & 32 ? FAMILY_OPEN_CLIP : FAMILY_PAPER, &none);
        assert_int_equal(none.shared, none.own);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_and_copies),
        cmocka_unit_test(test_captions_are_those_of_rows_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
