// The word that holds kernels back.
#include "support.h"

#include "base/fail.h"
#include "base/isa.h"

static void levels_are_said_by_their_names(void **state) {
    (void)state;
    unsetenv("COCA_ISA");
    assert_int_equal(isa_limit(), ISA_V4);
    setenv("COCA_ISA", "v2", 1);
    assert_int_equal(isa_limit(), ISA_V2);
    setenv("COCA_ISA", "v3", 1);
    assert_int_equal(isa_limit(), ISA_V3);
    setenv("COCA_ISA", "v4", 1);
    assert_int_equal(isa_limit(), ISA_V4);
}

static void ask(void) {
    isa_limit();
}

static void other_words_are_usage_errors(void **state) {
    (void)state;
    static const char *const words[] = {"", "V3", "v5", "avx2"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        setenv("COCA_ISA", words[i], 1);
        assert_exits(ask, EXIT_USAGE, "the levels are v2, v3 and v4");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_are_said_by_their_names),
        cmocka_unit_test(other_words_are_usage_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
