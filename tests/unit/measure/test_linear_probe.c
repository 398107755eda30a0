// Linear probes on made-up samples: draws by class, both protocols' fits, and the search.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "measure/linear_probe_samples.h"

enum { E = 6, K = 3 };

// N samples around a corner a class, a deviation of `spread`; class i mod K, but for one in `wrong`.
static struct probe_set make_set(float *feature, int64_t N, double spread, int64_t wrong, uint64_t seed) {
    const struct random_key key = random_key(seed, "made up");
    struct probe_set set = {xcalloc((size_t)N, sizeof *set.sample), N};
    for (int64_t i = 0; i < N; i++) {
        for (int e = 0; e < E; e++)
            feature[i * E + e] = (float)(spread * random_normal(key, (uint64_t)(i * E + e)) + (e == i % K));
        set.sample[i] = (struct softmax_sample){feature + i * E, (i + (wrong && i % wrong == 0)) % K};
    }
    return set;
}

static void count(const struct probe_set *set, int64_t *of_class) {
    memset(of_class, 0, K * sizeof *of_class);
    for (int64_t i = 0; i < set->N; i++) of_class[set->sample[i].class]++;
}

static void test_few(void **state) {
    (void)state;
    float feature[31 * E];
    int64_t found = 0, of_class[K];
    struct probe_set set = make_set(feature, 31, 1, 0, 1), other = make_set(feature, 31, 1, 0, 1);
    assert_int_equal(probe_set_few(&set, K, 11, 0, &found), 1); // 11, 10, 10
    assert_int_equal(found, 10);
    assert_int_equal(set.N, 31);
    assert_int_equal(probe_set_few(&set, K, 4, 7, &found), -1);
    assert_int_equal(probe_set_few(&other, K, 4, 8, &found), -1);
    count(&set, of_class);
    for (int k = 0; k < K; k++) assert_int_equal(of_class[k], 4);
    assert_memory_not_equal(set.sample, other.sample, 12 * sizeof *set.sample);
    for (int i = 1; i < 12; i++) assert_true(set.sample[i].feature > set.sample[i - 1].feature);
    probe_set_release(&set);
    probe_set_release(&other);
}

static void test_hold_out(void **state) {
    (void)state;
    float feature[5 * E];
    int64_t of_class[K];
    struct probe_set set = make_set(feature, 5, 1, 0, 1), held = {0}; // 2, 2, 1
    probe_set_hold_out(&set, &held, K, 0.1, 3);
    count(&held, of_class);
    assert_int_equal(of_class[0], 1);
    assert_int_equal(of_class[1], 1);
    assert_int_equal(of_class[2], 0);
    assert_int_equal(set.N, 3);
    struct probe_set joined = probe_set_join(&set, &held);
    assert_int_equal(joined.N, 5);
    assert_ptr_equal(joined.sample[3].feature, held.sample[0].feature);
    probe_set_release(&held);
    probe_set_hold_out(&set, &held, K, 0.9, 3);
    count(&set, of_class);
    for (int k = 0; k < K; k++) assert_int_equal(of_class[k], 1);
    probe_set_release(&set);
    probe_set_release(&held);
    probe_set_release(&joined);
}

static double share_right(const struct linear_probe *probe, const struct probe_set *set) {
    int64_t rank[600];
    double right = 0;
    softmax_ranks(&probe->shape, set->sample, set->N, probe->parameters, rank);
    for (int64_t i = 0; i < set->N; i++) right += rank[i] == 1;
    return right / (double)set->N;
}

// The search's value is its best fit's, and one of the steps of the range.
static void check_search(enum probe_protocol protocol, double high) {
    static float train_feature[300 * E], val_feature[300 * E];
    struct probe_set train = make_set(train_feature, 300, 0.3, 5, 1), val = make_set(val_feature, 300, 0.3, 0, 2);
    struct linear_probe probe = linear_probe_new(protocol, E, K, 4);
    double share, step;
    const double strength = linear_probe_search(&probe, &train, &val, &share);
    step = (log10(strength) + 6) * 96 / (high + 6);
    assert_float_equal(step, round(step), 1e-6);
    assert_float_equal(share, share_right(&probe, &val), 0);
    assert_true(share > 0.9);
    assert_true(linear_probe_fit(&probe, &train, strength));
    assert_float_equal(share, share_right(&probe, &val), 0.01);
    linear_probe_release(&probe);
    probe_set_release(&train);
    probe_set_release(&val);
}

static void test_search(void **state) {
    (void)state;
    check_search(PROBE_CLIP, 6);
    check_search(PROBE_CLIP_BENCHMARK, 2);
}

static void test_threads(void **state) {
    (void)state;
    static float feature[90 * E];
    const int threads = omp_get_max_threads();
    struct probe_set set = make_set(feature, 90, 1, 0, 1);
    for (int protocol = PROBE_CLIP; protocol <= PROBE_CLIP_BENCHMARK; protocol++) {
        struct linear_probe probe[2];
        double share, strength[2];
        for (int i = 0; i < 2; i++) {
            omp_set_num_threads(1 + 2 * i);
            probe[i] = linear_probe_new((enum probe_protocol)protocol, E, K, 4);
            strength[i] = linear_probe_search(&probe[i], &set, &set, &share);
        }
        assert_float_equal(strength[0], strength[1], 0);
        assert_memory_equal(probe[0].parameters, probe[1].parameters,
                            (size_t)softmax_parameters(&probe[0].shape) * sizeof(double));
        for (int i = 0; i < 2; i++) linear_probe_release(&probe[i]);
    }
    omp_set_num_threads(threads);
    probe_set_release(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few),
        cmocka_unit_test(test_hold_out),
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
