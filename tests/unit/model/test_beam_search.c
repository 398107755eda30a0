// Sampling and beam search over logits from a hash against open_clip's own loops: tests/parity/make_generation.py.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "model/generate/beam_search.h"
#include "model/generate/sampling.h"

static double number(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value)) fail_msg("no number %s", key);
    return json_number_value(value);
}

static int integer(const json_t *object, const char *key) {
    return (int)number(object, key);
}

static int32_t *token_list(const json_t *list) {
    int32_t *tokens = xcalloc(json_array_size(list), sizeof *tokens);
    for (size_t i = 0; i < json_array_size(list); i++) tokens[i] = (int32_t)json_integer_value(json_array_get(list, i));
    return tokens;
}

// ---- the model: each slot remembers its tokens, and a row's logits are a hash of them

struct table {
    int V, T, slots;
    float shift, eos;
    int32_t *memory;         // [slots,T]
    struct caption_row *row; // of the last step
    int place;
    float *logits; // [V]
    int copied;    // tokens
};

static void step(void *context, int count, const struct caption_row *row, int place) {
    struct table *table = context;
    assert_true(count > 0 && count <= table->slots && place < table->T);
    for (int i = 0; i < count; i++) {
        assert_true(row[i].slot >= 0 && row[i].slot < table->slots);
        for (int j = 0; j < i; j++) assert_int_not_equal(row[j].slot, row[i].slot);
        table->memory[row[i].slot * table->T + place] = row[i].token;
    }
    memcpy(table->row, row, (size_t)count * sizeof *row);
    table->place = place;
}

static uint32_t mix(uint32_t x) {
    x = (x ^ x >> 16) * 0x7feb352dU;
    x = (x ^ x >> 15) * 0x846ca68bU;
    return x ^ x >> 16;
}

static const float *logits(void *context, int i, float *room) {
    (void)room;
    struct table *table = context;
    const int32_t *token = table->memory + table->row[i].slot * table->T;
    uint32_t h = (2166136261U ^ (uint32_t)table->row[i].picture) * 16777619U;
    for (int t = 0; t <= table->place; t++) h = (h ^ (uint32_t)token[t]) * 16777619U;
    for (int v = 0; v < table->V; v++)
        table->logits[v] = (float)((mix(h + (uint32_t)v * 0x9e3779b9U) >> 8) / 1048576.0 - 8 + (double)table->shift);
    table->logits[2] =
        (float)((mix(h + 2 * 0x9e3779b9U) >> 8) / 1048576.0 - 8 + (double)table->shift + (double)table->eos);
    return table->logits;
}

static void copy(void *context, int to, int from, int first, int count) {
    struct table *table = context;
    assert_int_not_equal(to, from);
    assert_true(first >= 0 && count > 0 && first + count <= table->T);
    memcpy(table->memory + to * table->T + first, table->memory + from * table->T + first,
           (size_t)count * sizeof *table->memory);
    table->copied += count;
}

static void table_open(struct table *table, const json_t *golden, int slots) {
    *table = (struct table){.V = integer(golden, "vocab"),
                            .T = integer(golden, "max"),
                            .slots = slots,
                            .shift = (float)number(golden, "shift"),
                            .eos = (float)number(golden, "eos")};
    table->memory = xcalloc((size_t)(slots * table->T), sizeof *table->memory);
    table->row = xcalloc((size_t)slots, sizeof *table->row);
    table->logits = xcalloc((size_t)table->V, sizeof *table->logits);
}

static void table_close(struct table *table) {
    free(table->memory);
    free(table->row);
    free(table->logits);
}

// ---- captions

static struct generate_options options_of(const json_t *golden) {
    return (struct generate_options){.max_length = integer(golden, "max"),
                                     .min_length = integer(golden, "min"),
                                     .temperature = 1,
                                     .top_p = 1,
                                     .repetition_penalty = number(golden, "penalty"),
                                     .captions = integer(golden, "captions"),
                                     .num_beams = integer(golden, "beams"),
                                     .num_beam_groups = integer(golden, "groups"),
                                     .diversity_penalty = number(golden, "diversity"),
                                     .prompt = token_list(json_object_get(golden, "prompt")),
                                     .prompt_length = (int)json_array_size(json_object_get(golden, "prompt"))};
}

static void make_captions(const struct score_rules *rules, int batch, struct table *table, int32_t *tokens) {
    struct caption_model model = {table, step, logits, copy, NULL, NULL};
    int64_t ids[16] = {0};
    if (rules->options->num_beams > 1) {
        struct beam_search *search = beam_search_new(rules, batch, table->T);
        beam_search_run(search, batch, &model, tokens, table->T);
        int copied = table->copied;
        beam_search_run(search, batch, &model, tokens, table->T); // nothing of the first run is left
        assert_int_equal(table->copied, 2 * copied);
        beam_search_free(&search);
    } else {
        struct sampling *sampling = sampling_new(rules, batch, table->T, 1);
        sampling_run(sampling, batch, ids, &model, tokens, table->T);
        sampling_free(&sampling);
    }
}

static void compare_captions(const json_t *golden, const int32_t *tokens, int index) {
    const json_t *captions = json_object_get(golden, "tokens");
    int T = integer(golden, "max");
    const int rows = integer(golden, "batch") * integer(golden, "captions");
    assert_int_equal(json_array_size(captions), rows);
    for (int b = 0; b < rows; b++) {
        int32_t *wanted = token_list(json_array_get(captions, (size_t)b));
        for (int t = 0; t < T; t++)
            if (tokens[b * T + t] != wanted[t])
                fail_msg("case %d, caption %d, token %d: %d instead of %d", index, b, t, tokens[b * T + t], wanted[t]);
        free(wanted);
    }
}

static void check_captions(const json_t *golden, int index) {
    struct text_config config = {.vocab_size = integer(golden, "vocab"), .pad_id = 0, .bos_id = 1, .eos_id = 2};
    struct generate_options options = options_of(golden);
    struct score_rules rules = {&config, &options, FAMILY_OPEN_CLIP};
    int batch = integer(golden, "batch");
    struct table table;
    table_open(&table, golden, batch * beam_search_width(&options));
    int32_t *tokens = xcalloc((size_t)(batch * integer(golden, "captions") * table.T), sizeof *tokens);
    make_captions(&rules, batch, &table, tokens);
    compare_captions(golden, tokens, index);
    free(tokens);
    free((void *)options.prompt);
    table_close(&table);
}

static void test_captions_are_open_clips(void **state) {
    const json_t *captions = json_object_get(*state, "captions");
    assert_true(json_array_size(captions) > 20);
    for (size_t i = 0; i < json_array_size(captions); i++) check_captions(json_array_get(captions, i), (int)i);
}

// Beams copy only what differs: far less than whole captions.
static void test_few_tokens_are_copied(void **state) {
    const json_t *golden = json_array_get(json_object_get(*state, "captions"), 7);
    struct text_config config = {.vocab_size = 1000, .pad_id = 0, .bos_id = 1, .eos_id = 2};
    struct generate_options options = {
        .max_length = 30, .min_length = 29, .temperature = 1, .top_p = 1, .repetition_penalty = 1, .num_beams = 4};
    struct score_rules rules = {&config, &options, FAMILY_OPEN_CLIP};
    struct table table;
    table_open(&table, golden, 4);
    table.V = 1000;
    table.logits = xrealloc(table.logits, 1000 * sizeof *table.logits);
    int32_t tokens[30];
    struct beam_search *search = beam_search_new(&rules, 1, 30);
    struct caption_model model = {&table, step, logits, copy, NULL, NULL};
    beam_search_run(search, 1, &model, tokens, 30);
    assert_true(table.copied < 29 * 30 / 2);
    beam_search_free(&search);
    table_close(&table);
}

// ---- draws

static void check_sampling(const json_t *golden, int index) {
    const json_t *wanted = json_object_get(golden, "probability"), *row = json_object_get(golden, "logits");
    int V = integer(golden, "vocab");
    struct text_config config = {.vocab_size = V, .pad_id = 0, .bos_id = 1, .eos_id = 2};
    struct generate_options options = {.min_length = integer(golden, "min"),
                                       .temperature = number(golden, "temperature"),
                                       .top_k = integer(golden, "top_k"),
                                       .top_p = number(golden, "top_p"),
                                       .repetition_penalty = number(golden, "penalty"),
                                       .sample = true};
    struct sampler sampler;
    sampler_init(&sampler, (struct score_rules){&config, &options, FAMILY_OPEN_CLIP});
    float *scores = xcalloc((size_t)V, sizeof *scores);
    double *found = xcalloc((size_t)V, sizeof *found), sum;
    for (int v = 0; v < V; v++) scores[v] = (float)json_number_value(json_array_get(row, (size_t)v));
    int32_t *tokens = token_list(json_object_get(golden, "tokens"));
    int n = sampler_candidates(&sampler, scores, tokens, (int)json_array_size(json_object_get(golden, "tokens")), &sum);
    for (int i = 0; i < n; i++) found[sampler.candidate[i].token] = sampler.candidate[i].probability / sum;
    for (int v = 0; v < V; v++) {
        double probability = json_number_value(json_array_get(wanted, (size_t)v));
        if (fabs(found[v] - probability) > 1e-6 || (found[v] == 0) != (probability == 0))
            fail_msg("case %d, token %d: probability %g instead of %g", index, v, found[v], probability);
    }
    free(scores);
    free(found);
    free(tokens);
    sampler_release(&sampler);
}

static void test_draws_are_open_clips(void **state) {
    const json_t *sampling = json_object_get(*state, "sampling");
    assert_true(json_array_size(sampling) > 8);
    for (size_t i = 0; i < json_array_size(sampling); i++) check_sampling(json_array_get(sampling, i), (int)i);
}

static int open_golden(void **state) {
    *state = json_read("parity/generation.json", 1 << 20);
    return *state ? 0 : -1;
}

static int close_golden(void **state) {
    json_decref(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_captions_are_open_clips),
        cmocka_unit_test(test_few_tokens_are_copied),
        cmocka_unit_test(test_draws_are_open_clips),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}
