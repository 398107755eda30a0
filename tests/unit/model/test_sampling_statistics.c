// What is drawn, and how often, against exact probabilities: chi-square tests of significance 1e-4, whose seeds are
// fixed. That they could tell is asserted too: most fail for a temperature that is 15% off.
#include "fixture.h"
#include "model/generate/sampler.h"

enum { V = 14, DRAWS = 40000, MOST = 256 };

static const struct text_config config = {.vocab_size = V, .pad_id = 0, .bos_id = 1, .eos_id = 2};
static const float fixed[V] = {4, 4, -1.5F, 0.3F, 2.1F, 1.9F, -0.7F, 1.1F, 2.1F, 0, -2.2F, 1.4F, 0.8F, -0.2F};

// ---- chi-square

// Above which a sum of squares of so many degrees of freedom is by chance once in 10,000 times (Wilson and Hilferty).
static double critical(int freedom) {
    const double z = 3.719, part = 2.0 / (9 * freedom);
    return freedom * pow(1 - part + z * sqrt(part), 3);
}

// Cells that can hardly be hit are one. What cannot be must not have been.
static bool fits(const double *probability, const int *count, int cells, int draws) {
    double sum = 0, rare = 0;
    int used = 0, rare_count = 0;
    for (int i = 0; i < cells; i++) {
        const double expected = probability[i] * draws;
        if (expected == 0 && count[i]) return false;
        if (expected < 5) {
            rare += expected;
            rare_count += count[i];
        } else {
            sum += (count[i] - expected) * (count[i] - expected) / expected;
            used++;
        }
    }
    if (rare >= 5) sum += (rare_count - rare) * (rare_count - rare) / rare;
    return sum < critical(used - (rare < 5));
}

// ---- exact probabilities, by sorting everything

static void sort_tokens(const float *logits, int n, int *order) {
    for (int i = 0; i < n; i++) {
        int at = i;
        for (; at > 0 && logits[order[at - 1]] < logits[i]; at--) order[at] = order[at - 1];
        order[at] = i;
    }
}

// The first `kept` of the order that hold `p` of what they all hold.
static int cut_mass(const float *logits, const int *order, int kept, double p) {
    double all = 0, held = 0;
    int n = 0;
    for (int i = 0; i < kept; i++) all += exp((double)logits[order[i]]);
    while (n < kept && (n == 0 || held < p * all)) held += exp((double)logits[order[n++]]);
    return n;
}

// `allowed` of n tokens, those that stand first when sorted.
static void exact(double *probability, const float *logits, int n, int allowed, const struct generate_options *o) {
    int order[MOST], kept = o->top_k > 0 && o->top_k < allowed ? o->top_k : allowed;
    double sum = 0;
    sort_tokens(logits, n, order);
    kept = cut_mass(logits, order, kept, o->top_p);
    for (int v = 0; v < n; v++) probability[v] = 0;
    for (int i = 0; i < kept; i++) sum += exp((double)logits[order[i]] / o->temperature);
    for (int i = 0; i < kept; i++) probability[order[i]] = exp((double)logits[order[i]] / o->temperature) / sum;
}

// Padding and BOS are never chosen.
static void exact_of_fixed(double probability[V], const struct generate_options *options) {
    float logits[V];
    memcpy(logits, fixed, sizeof logits);
    logits[0] = logits[1] = -1000;
    exact(probability, logits, V, V - 2, options);
}

// ---- single draws

static const struct generate_options manners[] = {
    {.temperature = 1, .top_p = 1},
    {.temperature = 0.6, .top_p = 1},
    {.temperature = 2.5, .top_p = 1},
    {.temperature = 1, .top_p = 1, .top_k = 4},
    {.temperature = 1, .top_p = 0.9},
    {.temperature = 1, .top_p = 0.35},
    {.temperature = 1.7, .top_p = 0.9},
    {.temperature = 0.7, .top_p = 1, .top_k = 6},
    {.temperature = 1.3, .top_p = 0.8, .top_k = 5},
    {.temperature = 0.5, .top_p = 0.95, .top_k = 30},
};

typedef struct random_key key_of_draw(const struct sampler *sampler, int draw, int *length);

static struct random_key by_picture(const struct sampler *sampler, int draw, int *length) {
    *length = 1;
    return sampler_key(sampler, draw, 0);
}

static struct random_key by_caption_and_place(const struct sampler *sampler, int draw, int *length) {
    *length = 1 + draw / 64 % 20;
    return sampler_key(sampler, 77 + draw / 1280, draw % 64);
}

static void count_draws(const struct generate_options *options, key_of_draw *key, int count[V]) {
    static const int32_t token[32] = {1};
    struct generate_options all = *options;
    struct sampler sampler;
    all.sample = true;
    all.repetition_penalty = 1;
    all.seed = 11;
    sampler_init(&sampler, (struct score_rules){&config, &all, FAMILY_PAPER});
    memset(count, 0, V * sizeof *count);
    for (int draw = 0; draw < DRAWS; draw++) {
        int length;
        const struct random_key drawn = key(&sampler, draw, &length);
        count[sampler_choose(&sampler, fixed, token, length, drawn)]++;
    }
    sampler_release(&sampler);
}

// Whether the draws also tell another temperature from theirs, which two likely tokens of one logit do not.
static bool check_manner(const struct generate_options *options, key_of_draw *key) {
    double right[V], wrong[V];
    int count[V];
    struct generate_options off = *options;
    off.temperature *= 1.15;
    count_draws(options, key, count);
    exact_of_fixed(right, options);
    exact_of_fixed(wrong, &off);
    if (!fits(right, count, V, DRAWS))
        fail_msg("draws at temperature %g, top_p %g, top_k %d", options->temperature, options->top_p, options->top_k);
    return !fits(wrong, count, V, DRAWS);
}

static void test_draws_have_their_probabilities(void **state) {
    (void)state;
    const size_t all = sizeof manners / sizeof *manners;
    size_t told = 0;
    for (size_t i = 0; i < all; i++)
        told += check_manner(&manners[i], by_picture) + check_manner(&manners[i], by_caption_and_place);
    if (told < 2 * all - 4) fail_msg("only %zu of %zu could tell", told, 2 * all);
}

// ---- pairs of draws

typedef void pair_of(const struct sampler *sampler, int draw, struct random_key key[2], int length[2]);

static void two_captions(const struct sampler *sampler, int draw, struct random_key key[2], int length[2]) {
    for (int i = 0; i < 2; i++) key[i] = sampler_key(sampler, draw, i);
    length[0] = length[1] = 3;
}

static void two_places(const struct sampler *sampler, int draw, struct random_key key[2], int length[2]) {
    for (int i = 0; i < 2; i++) key[i] = sampler_key(sampler, draw, 5);
    length[0] = 1;
    length[1] = 2;
}

// A caption's number and a place of another's: were subkeys places, they would be one draw.
static void caption_and_place(const struct sampler *sampler, int draw, struct random_key key[2], int length[2]) {
    for (int i = 0; i < 2; i++) key[i] = sampler_key(sampler, draw, i ? 0 : 4);
    length[0] = 1;
    length[1] = 5;
}

static void check_independence(pair_of *pair) {
    static const int32_t token[32] = {1};
    const struct generate_options options = {
        .temperature = 1, .top_p = 1, .top_k = 6, .repetition_penalty = 1, .sample = true, .seed = 3};
    double single[V], both[V * V];
    int count[V * V] = {0};
    struct sampler sampler;
    sampler_init(&sampler, (struct score_rules){&config, &options, FAMILY_PAPER});
    for (int draw = 0; draw < DRAWS; draw++) {
        struct random_key key[2];
        int length[2];
        pair(&sampler, draw, key, length);
        const int32_t first = sampler_choose(&sampler, fixed, token, length[0], key[0]);
        count[first * V + sampler_choose(&sampler, fixed, token, length[1], key[1])]++;
    }
    exact_of_fixed(single, &options);
    for (int i = 0; i < V * V; i++) both[i] = single[i / V] * single[i % V];
    assert_true(fits(both, count, V * V, DRAWS));
    sampler_release(&sampler);
}

static void test_captions_and_places_are_drawn_apart(void **state) {
    (void)state;
    check_independence(two_captions);
    check_independence(two_places);
    check_independence(caption_and_place);
}

// ---- the first two tokens of a model's captions

enum { EACH = 64, RUNS = 60 };

struct setting {
    struct golden golden;
    struct ops *ops;
    struct params *text;
    struct text_tower *tower;
    float *features, *logits; // [G,N,D], all of one picture; [T-1,V] of a caption
    int count[MOST * MOST];
    double probability[MOST * MOST], wrong[MOST * MOST];
};

static void open_setting(struct setting *setting) {
    golden_open(&setting->golden, "equal_widths");
    assert_true(setting->golden.V <= MOST);
    assert_int_equal(ops_open(&setting->ops, "cpu", DT_REAL, 2), 0);
    setting->text = load_part(setting->ops, &setting->golden, &text_part);
    setting->tower = text_tower_new(&setting->golden.config, setting->text, (struct tower_plan){1, 1, false, false});
    setting->features = golden_copy(&setting->golden.values, "features");
    const size_t picture = (size_t)(setting->golden.N * setting->golden.D);
    for (int g = 1; g < setting->golden.G; g++)
        memcpy(setting->features + (size_t)g * picture, setting->features, picture * sizeof *setting->features);
    setting->logits = xcalloc((size_t)((setting->golden.T - 1) * setting->golden.V), sizeof *setting->logits);
}

static void close_setting(struct setting *setting) {
    text_tower_free(&setting->tower);
    params_free(&setting->text);
    ops_close(&setting->ops);
    free(setting->features);
    free(setting->logits);
    golden_close(&setting->golden);
}

// From one pass over BOS FIRST EOS, without a cache. `place`: of the token that is drawn, less 1.
static void exact_behind(struct setting *setting, int32_t first, int place, const struct generate_options *options,
                         double *probability) {
    const struct text_config *text = &setting->golden.config.text;
    const int n = (int)setting->golden.V;
    int32_t tokens[64];
    for (int t = 0; t < setting->golden.T; t++) tokens[t] = text->pad_id;
    tokens[0] = text->bos_id;
    tokens[1] = first;
    tokens[2] = text->eos_id;
    assert_int_equal(text_tower_forward(setting->tower, 0, 1, tokens, NULL), 0);
    text_tower_caption(setting->tower, 0, setting->features, 0, NULL, setting->logits);
    float *logits = setting->logits + (ptrdiff_t)place * n;
    logits[text->pad_id] = logits[text->bos_id] = logits[text->eos_id] = -1000;
    exact(probability, logits, n, n - 3, options);
}

static void exact_pairs(struct setting *setting, const struct generate_options *options, double *probability) {
    const int n = (int)setting->golden.V;
    double first[MOST];
    exact_behind(setting, 5, 0, options, first);
    for (int32_t v = 0; v < n; v++) {
        if (first[v] > 0) exact_behind(setting, v, 1, options, probability + v * n);
        for (int w = 0; w < n; w++) probability[v * n + w] = first[v] > 0 ? probability[v * n + w] * first[v] : 0;
    }
}

static int draw_pairs(struct setting *setting, const struct generate_options *options) {
    const int G = setting->golden.G, T = setting->golden.T, n = (int)setting->golden.V;
    int64_t numbers[16];
    int32_t *tokens = xcalloc((size_t)(G * EACH * T), sizeof *tokens);
    struct generator *generator = generator_new(&setting->golden.config, setting->text, G, options);
    for (int run = 0; run < RUNS; run++) {
        for (int g = 0; g < G; g++) numbers[g] = run * G + g;
        assert_true(generator_run(generator, G, setting->features, numbers, tokens));
        for (int i = 0; i < G * EACH; i++) setting->count[tokens[i * T + 1] * n + tokens[i * T + 2]]++;
    }
    generator_free(&generator);
    free(tokens);
    return RUNS * G * EACH;
}

static void test_captions_of_a_model_have_their_probabilities(void **state) {
    (void)state;
    static struct setting setting;
    // EOS is held back, so that there are two tokens
    struct generate_options options = {.temperature = 1.3,
                                       .top_p = 0.9,
                                       .top_k = 7,
                                       .repetition_penalty = 1,
                                       .sample = true,
                                       .seed = 8,
                                       .min_length = 3,
                                       .max_length = 4,
                                       .captions = EACH};
    open_setting(&setting);
    const int cells = (int)(setting.golden.V * setting.golden.V);
    const int draws = draw_pairs(&setting, &options);
    exact_pairs(&setting, &options, setting.probability);
    assert_true(fits(setting.probability, setting.count, cells, draws));
    options.temperature *= 1.5; // logits of a model that was not trained are close
    exact_pairs(&setting, &options, setting.wrong);
    assert_false(fits(setting.wrong, setting.count, cells, draws));
    close_setting(&setting);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_draws_have_their_probabilities),
        cmocka_unit_test(test_captions_and_places_are_drawn_apart),
        cmocka_unit_test(test_captions_of_a_model_have_their_probabilities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
