// Ranks of a stage: what a process says that cannot be one of several, and real ones, under mpirun of both kinds. The
// launcher starts this program again, with the name of what its ranks are to do.
#include "ranks/ranks.h"

#include <dlfcn.h>
#include <time.h>

#include "base/clock.h"
#include "jobs.h"
#include "launch.h"
#include "ranks/transport.h"

// ---- what a rank does under a launcher

enum { RANKS = 3, PIECES = 60 };

// Byte i of piece p from one rank to another.
static uint8_t byte_of(int from, int to, int p, size_t i) {
    return (uint8_t)((i * 2654435761u >> 9) + (size_t)(from * 101 + to * 31 + p * 7));
}

// Sizes that both ends know: of several MiB now and then, and empty ones.
static size_t size_of(int from, int to, int p) {
    const uint32_t hash = (uint32_t)(from * 7919 + to * 104729 + p * 1299709) * 2654435761u;
    return p % 20 == 7 ? (3u << 20) + hash % 1000 : p % 20 == 9 ? 0 : hash % 5000;
}

static struct ranks_piece piece_to(int from, int to, int p) {
    struct ranks_piece piece = {to, xmalloc(size_of(from, to, p) + 1), size_of(from, to, p)};
    for (size_t i = 0; i < piece.size; i++) ((uint8_t *)piece.bytes)[i] = byte_of(from, to, p, i);
    return piece;
}

static bool arrived(const struct ranks_piece *piece, int from, int to, int p) {
    for (size_t i = 0; i < piece->size; i++)
        if (((uint8_t *)piece->bytes)[i] != byte_of(from, to, p, i)) return false;
    return true;
}

// Pieces of all to all: begun a few at a time, by ranks that keep their own pace.
static void check_pieces(struct ranks *ranks) {
    const int own = ranks_rank(ranks);
    const struct ranks_counters before = ranks_counters(ranks);
    struct ranks_piece sent[PIECES * (RANKS - 1)], received[PIECES * (RANKS - 1)];
    int count = 0, begun = 0;
    int64_t bytes = 0;
    for (int p = 0; p < PIECES; p++)
        for (int r = 0; r < RANKS; r++) {
            if (r == own) continue;
            sent[count] = piece_to(own, r, p);
            bytes += (int64_t)sent[count].size;
            received[count++] = (struct ranks_piece){r, xcalloc(1, size_of(r, own, p) + 1), size_of(r, own, p)};
        }
    for (int turn = own; begun < count; turn++) {
        const int some = turn % 5 + 1 < count - begun ? turn % 5 + 1 : count - begun;
        bool done;
        CHECK(!ranks_begin(ranks, sent + begun, some, received + begun, some));
        if (turn % 3 == 0) CHECK(!ranks_progress(ranks, &done));
        begun += some;
    }
    CHECK(!ranks_wait(ranks, nothing));
    const struct ranks_counters after = ranks_counters(ranks);
    CHECK(after.messages_out - before.messages_out == count && after.messages_in - before.messages_in == count);
    CHECK(after.bytes_out - before.bytes_out == bytes);
    for (int i = 0; i < count; i++) {
        const int p = i / (RANKS - 1);
        CHECK(arrived(&received[i], received[i].rank, own, p));
        free(sent[i].bytes);
        free(received[i].bytes);
    }
}

// Sends and receives in calls of their own, each larger than a library takes without the other end.
static void check_apart(struct ranks *ranks) {
    const size_t size = 5u << 20;
    const int own = ranks_rank(ranks), to = (own + 1) % RANKS, from = (own + RANKS - 1) % RANKS;
    struct ranks_piece out = {to, xmalloc(size), size}, in = {from, xmalloc(size), size};
    memset(out.bytes, own + 1, size);
    CHECK(!ranks_begin(ranks, &out, 1, NULL, 0));
    CHECK(!ranks_begin(ranks, NULL, 0, &in, 1));
    CHECK(!ranks_wait(ranks, nothing));
    CHECK(((uint8_t *)in.bytes)[0] == from + 1 && ((uint8_t *)in.bytes)[size - 1] == from + 1);
    free(out.bytes);
    free(in.bytes);
}

static void check_collect(struct ranks *ranks) {
    struct {
        int rank, square;
    } own = {ranks_rank(ranks), ranks_rank(ranks) * ranks_rank(ranks)}, all[RANKS];
    for (int i = 0; i < 100; i++) {
        own.square = own.rank * own.rank + i;
        CHECK(!ranks_collect(ranks, &own, all, sizeof own, nothing));
        for (int r = 0; r < RANKS; r++) CHECK(all[r].rank == r && all[r].square == r * r + i);
    }
}

static int count_to_three(void *context) {
    return ++*(int *)context == 3 ? 77 : 0;
}

// Rank 0 waits for what rank 1 sends only once it is told that the wait has ended.
static void check_look(struct ranks *ranks) {
    char byte = (char)ranks_rank(ranks);
    int looks = 0;
    if (ranks_rank(ranks) == 0) {
        CHECK(!ranks_begin(ranks, NULL, 0, &(struct ranks_piece){1, &byte, 1}, 1));
        CHECK(ranks_wait(ranks, (struct ranks_meanwhile){count_to_three, &looks}) == 77 && looks == 3);
        CHECK(!ranks_begin(ranks, &(struct ranks_piece){1, &looks, sizeof looks}, 1, NULL, 0));
        CHECK(!ranks_wait(ranks, nothing) && byte == 1);
    } else if (ranks_rank(ranks) == 1) {
        CHECK(!ranks_begin(ranks, NULL, 0, &(struct ranks_piece){0, &looks, sizeof looks}, 1));
        CHECK(!ranks_wait(ranks, nothing) && looks == 3);
        CHECK(!ranks_begin(ranks, &(struct ranks_piece){0, &byte, 1}, 1, NULL, 0));
        CHECK(!ranks_wait(ranks, nothing));
    }
}

static struct transport *transport_here(void) {
    return dlsym(RTLD_DEFAULT, TRANSPORT_ENTRY);
}

static int do_traffic(struct ranks *ranks) {
    CHECK(ranks_count(ranks) == RANKS);
    CHECK(ranks_place(ranks) == ranks_rank(ranks)); // one host
    CHECK(strstr(ranks_transport(ranks), "MPI"));
    check_collect(ranks);
    check_look(ranks);
    check_pieces(ranks);
    check_apart(ranks);
    transport_here()->most = 1000;
    check_pieces(ranks);
    CHECK(ranks_counters(ranks).waiting > 0);
    ranks_close(&ranks, true);
    return 0;
}

// The others wait for a rank that leaves with an error; their launcher ends them.
static int do_death(struct ranks *ranks) {
    char own = 0, all[RANKS];
    CHECK(!ranks_collect(ranks, &own, all, 1, nothing));
    if (ranks_rank(ranks) == 1) {
        error(EXIT_DATA, "the test's own error");
        ranks_close(&ranks, false);
        return EXIT_DATA;
    }
    ranks_collect(ranks, &own, all, 1, nothing);
    for (;;) pause();
}

// As above, and the rank says nothing.
static int do_kill(struct ranks *ranks) {
    char own = 0, all[RANKS];
    CHECK(!ranks_collect(ranks, &own, all, 1, nothing));
    if (ranks_rank(ranks) == 1) raise(SIGKILL);
    ranks_collect(ranks, &own, all, 1, nothing);
    for (;;) pause();
}

// Waits for what never comes.
static int do_stay(struct ranks *ranks) {
    char byte;
    CHECK(!ranks_begin(ranks, NULL, 0, &(struct ranks_piece){1 - ranks_rank(ranks), &byte, 1}, 1));
    note("process %d", (int)getpid());
    return -ranks_wait(ranks, nothing);
}

// Rank 1 sends less than what rank 0 waits for.
static int do_short(struct ranks *ranks) {
    char bytes[100] = {0};
    if (ranks_rank(ranks) == 1) {
        CHECK(!ranks_begin(ranks, &(struct ranks_piece){0, bytes, 99}, 1, NULL, 0));
        ranks_wait(ranks, nothing);
        for (;;) pause();
    }
    CHECK(!ranks_begin(ranks, NULL, 0, &(struct ranks_piece){1, bytes, 100}, 1));
    const int status = ranks_wait(ranks, nothing);
    ranks_close(&ranks, false);
    return -status;
}

// What a rank forgets to free is seen beside what MPI does.
static int do_leak(struct ranks *ranks) {
    char *volatile lost = xmalloc(12345);
    lost = NULL;
    ranks_close(&ranks, true);
    return lost != NULL;
}

// There and back 1000 times, and 1 GiB in pieces of 64 MiB, for people.
static int do_measure(struct ranks *ranks) {
    enum { TURNS = 1000, LARGE = 64 << 20, MANY = 16 };
    const int other = 1 - ranks_rank(ranks);
    char *out = xcalloc(1, LARGE), *in = xcalloc(1, LARGE);
    double start = clock_seconds();
    for (int i = 0; i < TURNS; i++)
        if (ranks_collect(ranks, out, in, 8, nothing)) return EXIT_RUN;
    const double turn = (clock_seconds() - start) / TURNS;
    start = clock_seconds();
    for (int i = 0; i < MANY; i++) {
        const struct ranks_piece send = {other, out, LARGE}, receive = {other, in, LARGE};
        if (ranks_begin(ranks, &send, 1, &receive, 1) || ranks_wait(ranks, nothing)) return EXIT_RUN;
    }
    const double large = (clock_seconds() - start) / MANY;
    note("%s: %.1f us to collect 8 bytes, %.2f GB/s each way", ranks_transport(ranks), turn * 1e6,
         (double)LARGE / large / 1e9);
    if (ranks_rank(ranks)) sleep(3);
    const clock_t busy = clock();
    if (ranks_collect(ranks, out, in, 8, nothing)) return EXIT_RUN;
    if (!ranks_rank(ranks)) note("%.1f ms busy in a wait of 3 s", 1e3 * (double)(clock() - busy) / CLOCKS_PER_SEC);
    free(out);
    free(in);
    ranks_close(&ranks, true);
    return 0;
}

static const struct job jobs[] = {
    {"traffic", RANKS, do_traffic},
    {"death", RANKS, do_death},
    {"kill", RANKS, do_kill},
    {"stay", 2, do_stay},
    {"short", 2, do_short},
    {"measure", 2, do_measure},
    {"leak", 2, do_leak},
    {"number", 4, NULL}, // more than it is started with
    {NULL, 0, NULL},
};

// ---- the test

static void test_single(void **state) {
    (void)state;
    struct ranks *ranks;
    const int own = 5;
    int all = 0;
    bool done = false;
    assert_int_equal(ranks_open(&ranks, "coca-test", 1), 0);
    assert_int_equal(ranks_rank(ranks), 0);
    assert_int_equal(ranks_count(ranks), 1);
    assert_int_equal(ranks_place(ranks), 0);
    assert_string_equal(ranks_transport(ranks), "");
    assert_int_equal(ranks_collect(ranks, &own, &all, sizeof own, nothing), 0);
    assert_int_equal(all, 5);
    assert_int_equal(ranks_begin(ranks, NULL, 0, NULL, 0), 0);
    assert_int_equal(ranks_progress(ranks, &done), 0);
    assert_true(done);
    assert_int_equal(ranks_counters(ranks).messages_out, 0);
    ranks_close(&ranks, true);
    assert_null(ranks);
    ranks_close(&ranks, true);
}

static const char *const marks[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE", "COCA_MPI"};

static void check_refused(const char *expected) {
    struct ranks *ranks;
    listen_in();
    const int status = ranks_open(&ranks, "coca-test", 3);
    const char *said = heard();
    assert_int_equal(status, -EXIT_USAGE);
    assert_null(ranks);
    if (!strstr(said, expected)) fail_msg("%s", said);
}

static void test_no_launcher(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) unsetenv(marks[i]);
    check_refused("coca-test: --replicas asks for 3 ranks, and no launcher started this process: start it with mpirun "
                  "-n 3");
    setenv("COCA_MPI", "mpich", 1);
    check_refused("no launcher started this process");
    setenv("COCA_MPI", "lam", 1);
    setenv("PMI_RANK", "0", 1);
    check_refused("COCA_MPI=lam: it is openmpi or mpich");
    unsetenv("COCA_MPI");
    unsetenv("PMI_RANK");
}

// As a program lies that was built without MPI.
static void test_no_object(void **state) {
    (void)state;
    char command[600];
    snprintf(
        command, sizeof command,
        "mkdir -p %s/bin && cp /proc/%d/exe %s/bin/program && PMI_RANK=0 %s/bin/program traffic 2>&1 | grep -q 'this "
        "build has no lib/coca_mpich.so for MPICH.*run.sh build all' && PMIX_RANK=0 %s/bin/program traffic 2>&1 | "
        "grep -q 'lib/coca_openmpi.so for Open MPI'",
        folder, (int)getpid(), folder, folder, folder);
    assert_int_equal(system(command), 0);
}

// A shared object that is another build's: any that has no table.
static void test_other_build(void **state) {
    (void)state;
    char command[600];
    snprintf(command, sizeof command,
             "cd %s && mkdir -p lib && echo 'struct { unsigned long size; } coca_transport = {3};' >o.c && "
             "gcc -shared -fPIC -w o.c -o lib/coca_mpich.so && PMI_RANK=0 bin/program traffic 2>&1 | "
             "grep -q 'coca_mpich.so belongs to another build; run make'",
             folder);
    assert_int_equal(system(command), 0);
}

static void check_traffic(const char *kind) {
    const struct result result = launch(kind, RANKS, "traffic");
    if (result.code || strstr(result.said, "Sanitizer")) fail_msg("exit %d: %s", result.code, result.said);
}

// A job that failed, by itself. MPICH's launcher passes on that it killed the other ranks when it does so first.
static void check_failed(const char *kind, int ranks, const char *job, int code, const char *text) {
    const struct result result = launch(kind, ranks, job);
    if ((result.code != code && result.code != SIGKILL) || !strstr(result.said, text))
        fail_msg("exit %d: %s", result.code, result.said);
}

static void check_death(const char *kind) {
    check_failed(kind, RANKS, "death", EXIT_DATA, "the test's own error");
}

static void check_kill(const char *kind) {
    check_failed(kind, RANKS, "kill", 128 + SIGKILL, "");
}

static void check_number(const char *kind) {
    check_failed(kind, 2, "number", EXIT_USAGE, "has 2 ranks, and --replicas asks for 4: start it with mpirun -n 4");
}

static void check_short(const char *kind) {
    check_failed(kind, 2, "short", EXIT_PEER, "rank 1 sent 99 bytes where 100 belong");
}

int __lsan_do_recoverable_leak_check(void) __attribute__((weak)); // NULL without the sanitizers

static void check_leak(const char *kind) {
    if (!__lsan_do_recoverable_leak_check) skip();
    const struct result result = launch(kind, 2, "leak");
    if (!result.code || !strstr(result.said, "leak of 12345 byte")) fail_msg("exit %d: %s", result.code, result.said);
}

// Zombies have gone, too: who is to collect them is not our affair.
static bool is_running(int process) {
    char path[40], state = 'Z';
    snprintf(path, sizeof path, "/proc/%d/stat", process);
    FILE *file = fopen(path, "r");
    if (!file) return false;
    if (fscanf(file, "%*d %*s %c", &state) != 1) state = 'Z';
    fclose(file);
    return state != 'Z';
}

static int start_to_stay(const char *kind, int processes[2]) {
    int ends[2], found = 0;
    char line[400], launcher[40], program[64];
    snprintf(launcher, sizeof launcher, "mpirun.%s", kind);
    snprintf(program, sizeof program, "/proc/%d/exe", (int)getpid());
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (!child) {
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        execlp(launcher, launcher, "-n", "2", program, "stay", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *said = fdopen(ends[0], "r");
    while (found < 2 && fgets(line, sizeof line, said))
        if (sscanf(line, "cocaflow: note: process %d", &processes[found]) == 1) found++;
    fclose(said);
    assert_int_equal(found, 2);
    return child;
}

// Ranks that wait do not outlive their launcher.
static void check_orphans(const char *kind) {
    int processes[2];
    need_launcher(kind);
    const pid_t launcher = start_to_stay(kind, processes);
    const double start = clock_seconds();
    kill(launcher, SIGKILL);
    waitpid(launcher, NULL, 0);
    for (int i = 0; i < 2; i++) {
        while (is_running(processes[i]) && clock_seconds() - start < 20) usleep(20000);
        assert_false(is_running(processes[i]));
    }
}

BOTH(traffic)
BOTH(death)
BOTH(kill)
BOTH(number)
BOTH(short)
BOTH(leak)
BOTH(orphans)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single),          cmocka_unit_test(test_no_launcher),
        cmocka_unit_test(test_no_object),       cmocka_unit_test(test_other_build),
        cmocka_unit_test(test_traffic_openmpi), cmocka_unit_test(test_traffic_mpich),
        cmocka_unit_test(test_death_openmpi),   cmocka_unit_test(test_death_mpich),
        cmocka_unit_test(test_kill_openmpi),    cmocka_unit_test(test_kill_mpich),
        cmocka_unit_test(test_number_openmpi),  cmocka_unit_test(test_number_mpich),
        cmocka_unit_test(test_short_openmpi),   cmocka_unit_test(test_short_mpich),
        cmocka_unit_test(test_leak_openmpi),    cmocka_unit_test(test_leak_mpich),
        cmocka_unit_test(test_orphans_openmpi), cmocka_unit_test(test_orphans_mpich),
    };
    if (argc > 1) return be_rank(jobs, argv[1]);
    permit();
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
