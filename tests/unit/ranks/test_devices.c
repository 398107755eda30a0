// Whether ranks use NCCL: what they decide by what each has, and real ranks with a stand-in for the binding, which they
// load from where the build's lies.
#include "ranks/devices.h"

#include "jobs.h"
#include "launch.h"

// ---- what a rank does under a launcher

// Device memory by the stand-in, the host's by MPI.
static int do_devices(struct ranks *ranks) {
    char bytes[4] = "G12", all[2];
    const char own = (char)ranks_rank(ranks);
    const struct ranks_piece send[2] = {{1 - own, bytes, 3}, {1 - own, NULL, 0}},
                             receive = {1 - own, bytes, sizeof bytes};
    bool devices = false;
    const int status = ranks_use_devices(ranks, strcmp(getenv("STAND_IN"), "cpu") == 0 ? -1 : 5, &devices);
    if (status) {
        CHECK(!devices);
        ranks_close(&ranks, false);
        return -status;
    }
    CHECK(!ranks_collect(ranks, &own, all, 1, nothing));
    CHECK(all[0] == 0 && all[1] == 1);
    if (devices) {
        CHECK(!ranks_begin(ranks, send, 2, &receive, 1));
        CHECK(!ranks_wait(ranks, nothing));
    }
    note("devices: %s", devices ? "used" : "not used");
    ranks_close(&ranks, true);
    return 0;
}

static const struct job jobs[] = {{"devices", 2, do_devices}, {NULL, 0, NULL}};

// ---- the test

enum { OFFERS = 3 };

static void make_offers(struct device_offer offers[OFFERS]) {
    memset(offers, 0, OFFERS * sizeof *offers);
    for (int r = 0; r < OFFERS; r++) {
        offers[r].version = 22703;
        offers[r].gpu[3] = (uint8_t)(r + 1); // all have device 0, each on its own host
    }
}

static void check_refused(const struct device_offer *offers, const char *expected) {
    char reason[300] = "before";
    assert_false(devices_decide(offers, OFFERS, reason, sizeof reason));
    assert_string_equal(reason, expected);
}

static void test_decisions(void **state) {
    (void)state;
    struct device_offer offers[OFFERS];
    char reason[300] = "before";
    make_offers(offers);
    assert_true(devices_decide(offers, OFFERS, reason, sizeof reason));
    assert_string_equal(reason, "");
    offers[2].gpu[3] = 1;
    check_refused(offers, "ranks 0 and 2 are on the same GPU");
    make_offers(offers);
    offers[1].version = 22803;
    check_refused(offers, "rank 0 has release 22703 of NCCL, rank 1 release 22803");
    make_offers(offers);
    offers[1].device = -1;
    check_refused(offers, "rank 1 has no GPU");
    make_offers(offers);
    offers[0].version = 0;
    strcpy(offers[0].reason, "libnccl.so.2 is missing");
    check_refused(offers, "rank 0: libnccl.so.2 is missing");
    for (int r = 0; r < OFFERS; r++) offers[r].device = -1;
    check_refused(offers, "");
}

// A reason of others need not end.
static void test_endless_reason(void **state) {
    (void)state;
    struct device_offer offers[OFFERS];
    char reason[60];
    make_offers(offers);
    offers[2].version = 0;
    memset(offers[2].reason, 'x', sizeof offers[2].reason);
    assert_false(devices_decide(offers, OFFERS, reason, sizeof reason));
    assert_int_equal(strlen(reason), sizeof reason - 1);
}

static void test_single(void **state) {
    (void)state;
    struct ranks *ranks;
    bool devices = true;
    assert_int_equal(ranks_open(&ranks, "coca-test", 1), 0);
    assert_int_equal(ranks_use_devices(ranks, 0, &devices), 0);
    assert_false(devices);
    ranks_close(&ranks, true);
}

// This program as FOLDER/bin/program, and FOLDER/lib with the build's objects; the stand-in only where it is wanted.
static int make_program(void **state) {
    char command[600], *object = machine_find_object("coca_openmpi.so");
    if (!object) object = machine_find_object("coca_mpich.so");
    permit();
    if (make_folder(state) || !object) return object ? -1 : 0;
    snprintf(
        command, sizeof command,
        "mkdir %s/bin %s/lib && cp /proc/%d/exe %s/bin/program && cp $(dirname %s)/coca_openmpi.so $(dirname %s)/coca_mpich.so %s/lib "
        "2>/dev/null; test -e %s/bin/program",
        folder, folder, (int)getpid(), folder, object, object, folder, folder);
    free(object);
    return system(command);
}

static struct result launch_with(const char *kind, const char *stand_in) {
    char program[100];
    snprintf(program, sizeof program, "%s/bin/program", folder);
    setenv("STAND_IN", stand_in, 1);
    return launch_program(kind, 2, program, "devices");
}

static void check_says(const char *kind, const char *stand_in, int code, const char *const *texts) {
    const struct result result = launch_with(kind, stand_in);
    if (result.code != code) fail_msg("%s: exit %d: %s", stand_in, result.code, result.said);
    for (; *texts; texts++)
        if (!strstr(result.said, *texts)) fail_msg("%s: no \"%s\" in: %s", stand_in, *texts, result.said);
}

#define SAYS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_without(void **state) {
    (void)state;
    check_says("openmpi", "none", 0,
               SAYS("devices: not used", "ranks exchange through host memory, without NCCL: rank 0: its build has no "
                                         "lib/coca_nccl.so"));
}

static void compile_stand_in(void) {
    char command[400];
    snprintf(command, sizeof command,
             "gcc -shared -fPIC -std=c11 -D_GNU_SOURCE -I../common unit/ranks/stand_in.c -o %s/lib/%s", folder,
             DEVICES_OBJECT);
    assert_int_equal(system(command), 0);
}

static void test_with(void **state) {
    (void)state;
    compile_stand_in();
    check_says("openmpi", "own", 0,
               SAYS("join of 2 ranks on device 5 at here", "a group of 2 and 1, the first of 3 bytes", "devices: used",
                    "left well"));
    check_says("openmpi", "shared", 0, SAYS("devices: not used", "ranks 0 and 1 are on the same GPU"));
    check_says("openmpi", "broken", EXIT_RUN, SAYS("the test's own error"));
}

static void test_lacking(void **state) {
    (void)state;
    compile_stand_in();
    check_says("mpich", "lacks", 0, SAYS("devices: not used", "rank 1: libnccl.so.2: cannot open shared object file"));
    const struct result result = launch_with("mpich", "cpu");
    if (result.code || strstr(result.said, "NCCL")) fail_msg("exit %d: %s", result.code, result.said);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decisions), cmocka_unit_test(test_endless_reason), cmocka_unit_test(test_single),
        cmocka_unit_test(test_without),   cmocka_unit_test(test_with),           cmocka_unit_test(test_lacking),
    };
    if (argc > 1) return be_rank(jobs, argv[1]);
    return cmocka_run_group_tests(tests, make_program, remove_folder);
}
