// Claims of shards: processes that want one at once, die, and come back.
#include "../../../stages/coca-relabel/claims.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "../../../stages/coca-relabel/claim_file.h"
#include "../base/folder.h"
#include "base/clock.h"
#include "base/fail.h"

#define LONG 3600. // an expiry that does not come

static void pause_briefly(void) {
    usleep(2000);
}

static struct claims *open_claims(double expiry) {
    struct claims *claims;
    assert_done(claims_open(&claims, ".", expiry));
    return claims;
}

static struct claims *opened(double expiry) { // in a child, where cmocka's asserts lead nowhere
    struct claims *claims;
    if (claims_open(&claims, ".", expiry)) _exit(20);
    return claims;
}

// Processes that all begin when the gate opens.
struct gate {
    int end[2];
};
static struct gate new_gate(void) {
    struct gate gate;
    if (pipe(gate.end)) abort();
    return gate;
}
static void wait_at(const struct gate *gate) {
    char byte;
    close(gate->end[1]);
    if (read(gate->end[0], &byte, 1)) _exit(21);
}
static void open_gate(const struct gate *gate) {
    close(gate->end[0]);
    close(gate->end[1]);
}

static int exit_code(pid_t child) {
    int status;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 255;
    return WEXITSTATUS(status);
}

// A process that holds the shard until it is killed. It has said so when this returns.
static pid_t holder(const char *name, double expiry, const char *errors) {
    int said[2];
    char byte;
    if (pipe(said)) abort();
    pid_t child = fork();
    if (!child) {
        if (errors) dup2(open(errors, O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
        struct claims *claims = opened(expiry);
        if (claims_take(claims, name) != 1) _exit(22);
        claims_tell(claims, name, 10, 20, 3);
        if (write(said[1], "x", 1) != 1) _exit(23);
        for (;;) pause();
    }
    close(said[1]);
    assert_int_equal(read(said[0], &byte, 1), 1);
    close(said[0]);
    return child;
}

static void kill_holder(pid_t child) {
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static int files_left(void) {
    struct strings names = {0};
    assert_done(directory_list(CLAIM_FOLDER, &names));
    const int count = (int)names.count;
    strings_release(&names);
    return count;
}

// The only claim of the folder.
static struct claim_state only(double expiry) {
    struct claim_state *states, state;
    int count;
    assert_done(claims_list(".", expiry, &states, &count));
    assert_int_equal(count, 1);
    state = states[0];
    free(states);
    return state;
}

static void make_old(const char *path) {
    const struct timespec past[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(utimensat(AT_FDCWD, path, past, 0), 0);
}

static void test_a_shard_has_one_owner_until_it_is_given(void **state) {
    (void)state;
    struct claims *one = open_claims(LONG), *other = open_claims(LONG);
    assert_int_equal(claims_take(one, "a.tar"), 1);
    assert_int_equal(claims_take(other, "a.tar"), 0);
    assert_int_equal(claims_take(one, "a.tar"), 0);
    assert_int_equal(claims_take(other, "a.tar~1"), 1); // a name like a claim's file
    claims_give(one, "a.tar");
    assert_int_equal(claims_take(other, "a.tar"), 1);
    claims_close(&one);
    assert_int_equal(files_left(), 2);
    claims_close(&other);
    assert_int_equal(files_left(), 0);
}

// Takes shards and gives them back, and marks what it has by a file that nobody else may have.
static void take_and_give(int shards, int takes) {
    struct claims *claims = opened(LONG);
    for (int done = 0, turn = getpid(); done < takes; turn++) {
        char name[16], mark[32];
        snprintf(name, sizeof name, "%d", turn % shards);
        snprintf(mark, sizeof mark, "busy-%s", name);
        int status = claims_take(claims, name);
        if (status < 0) _exit(24);
        if (!status) continue;
        int fd = open(mark, O_CREAT | O_EXCL | O_WRONLY, 0600);
        if (fd < 0) _exit(25);
        close(fd);
        if (done % 4 == 0) pause_briefly();
        if (unlink(mark)) _exit(26);
        claims_give(claims, name);
        done++;
    }
    claims_close(&claims);
    _exit(0);
}

static void test_many_processes_never_have_the_same_shard(void **state) {
    (void)state;
    enum { PROCESSES = 12 };
    pid_t child[PROCESSES];
    struct gate gate = new_gate();
    for (int i = 0; i < PROCESSES; i++)
        if (!(child[i] = fork())) {
            wait_at(&gate);
            take_and_give(3, 60);
        }
    open_gate(&gate);
    for (int i = 0; i < PROCESSES; i++) assert_int_equal(exit_code(child[i]), 0);
    assert_int_equal(files_left(), 0);
}

static void test_a_dead_owners_shard_is_free_after_the_expiry(void **state) {
    (void)state;
    const double expiry = 1.2, begun = clock_seconds();
    struct claims *claims = open_claims(expiry);
    pid_t child = holder("a.tar", expiry, NULL);
    while (clock_seconds() - begun < 1.5 * expiry) { // only its heartbeat keeps it
        assert_int_equal(claims_take(claims, "a.tar"), 0);
        pause_briefly();
    }
    struct claim_state seen = only(expiry);
    assert_string_equal(seen.name, "a.tar");
    assert_int_equal(seen.pid, child);
    assert_int_equal(seen.pictures, 10);
    assert_int_equal(seen.captions, 20);
    assert_int_equal(seen.bad, 3);
    assert_false(seen.expired);
    assert_true(seen.seconds > 1 && seen.seconds < 60);
    kill_holder(child);
    while (!only(expiry).expired) pause_briefly();
    assert_int_equal(claims_take(claims, "a.tar"), 1);
    seen = only(expiry);
    assert_int_equal(seen.pid, getpid());
    assert_int_equal(seen.pictures, 0);
    claims_close(&claims);
    assert_int_equal(files_left(), 0);
}

// The exit code is 1 for the one who has it, which keeps it.
static void take_over(const struct gate *gate) {
    struct claims *claims = opened(LONG);
    wait_at(gate);
    int status = claims_take(claims, "a.tar");
    _exit(status < 0 ? 24 : status);
}

static void test_of_many_one_takes_a_dead_owners_shard(void **state) {
    (void)state;
    enum { PROCESSES = 8, ROUNDS = 25 };
    kill_holder(holder("a.tar", LONG, NULL));
    for (int round = 1; round <= ROUNDS; round++) {
        pid_t child[PROCESSES];
        struct gate gate = new_gate();
        int takers = 0;
        char *path = claim_file_path(CLAIM_FOLDER, "a.tar", round);
        make_old(path); // of who died with it
        free(path);
        for (int i = 0; i < PROCESSES; i++)
            if (!(child[i] = fork())) take_over(&gate);
        open_gate(&gate);
        for (int i = 0; i < PROCESSES; i++) {
            int code = exit_code(child[i]);
            assert_true(code == 0 || code == 1);
            takers += code;
        }
        assert_int_equal(takers, 1);
        assert_int_equal(files_left(), 1);
    }
}

static void wait_for_words(const char *path, const char *words) {
    const double begun = clock_seconds();
    for (bool there = false; !there; pause_briefly()) {
        struct buffer text = {0};
        assert_done(file_read(path, 1 << 16, &text));
        there = text.size && strstr(text.bytes, words);
        buffer_release(&text);
        if (clock_seconds() - begun > 30) fail_msg("\"%s\" was not said", words);
    }
}

static void test_an_owner_that_slept_notices_and_disturbs_nobody(void **state) {
    (void)state;
    const double expiry = 0.4;
    pid_t child = holder("a.tar", expiry, "said");
    struct claims *claims = open_claims(expiry);
    assert_int_equal(kill(child, SIGSTOP), 0);
    while (!claims_take(claims, "a.tar")) pause_briefly();
    assert_int_equal(kill(child, SIGCONT), 0);
    wait_for_words("said", "a.tar: its claim was not written for ");
    assert_int_equal(only(expiry).pid, getpid());
    kill_holder(child);
    claims_close(&claims);
    assert_int_equal(files_left(), 0);
}

// Its claim is still there, but another one above it: whoever took it over died before it could clear up.
static void test_a_claim_above_ones_own_is_noticed(void **state) {
    (void)state;
    struct claims *claims = open_claims(LONG);
    struct claim_line line = {.host = "elsewhere", .pid = 1, .secret = 7};
    assert_int_equal(claims_take(claims, "a.tar"), 1);
    assert_int_equal(claim_file_make(CLAIM_FOLDER "/a.tar~2", &line), 1);
    listen_in();
    claims_give(claims, "a.tar");
    assert_has(heard(), "a.tar: its claim was not written for ");
    assert_string_equal(only(LONG).host, "elsewhere");
    claims_close(&claims);
}

static void test_readers_see_whole_lines_that_grow(void **state) {
    (void)state;
    struct claims *claims = open_claims(0.02);
    int64_t last = 0;
    assert_int_equal(claims_take(claims, "a.tar"), 1);
    for (int64_t told = 1; last < 100; told++) {
        claims_tell(claims, "a.tar", told, 2 * told, 3 * told);
        struct claim_state seen = only(LONG);
        assert_int_equal(seen.pid, getpid());
        assert_int_equal(seen.captions, 2 * seen.pictures);
        assert_int_equal(seen.bad, 3 * seen.pictures);
        assert_true(seen.pictures >= last);
        last = seen.pictures;
    }
    claims_close(&claims);
}

static void test_what_is_no_claim_is_left_out(void **state) {
    (void)state;
    static const char *const names[] = {"a.tar",
                                        "~1",
                                        "a.tar~",
                                        "a.tar~0",
                                        "a.tar~01",
                                        "a.tar~1x",
                                        ".clock.q",
                                        "a.tar~99999999999999999999",
                                        "a.tar~9223372036854775807"};
    struct claim_state *states;
    int count;
    assert_done(claims_list(".", LONG, &states, &count)); // of a folder that has none yet
    assert_int_equal(count, 0);
    free(states);
    struct claims *claims = open_claims(LONG);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = path_join(CLAIM_FOLDER, names[i]);
        assert_done(file_write(path, "x", 1));
        free(path);
    }
    assert_int_equal(claims_take(claims, "a.tar"), 1);
    assert_int_equal(only(LONG).pid, getpid());
    claims_close(&claims);
}

// Whoever made it died, or the host did, before the line was on the disk.
static void test_an_empty_claim_holds_until_it_expires(void **state) {
    (void)state;
    struct claims *claims = open_claims(LONG);
    assert_done(file_write(CLAIM_FOLDER "/a.tar~1", "", 0));
    assert_int_equal(claims_take(claims, "a.tar"), 0);
    assert_string_equal(only(LONG).host, "");
    make_old(CLAIM_FOLDER "/a.tar~1");
    assert_true(only(LONG).expired);
    assert_int_equal(claims_take(claims, "a.tar"), 1);
    claims_close(&claims);
}

static void test_a_folder_that_takes_no_claims_is_named(void **state) {
    (void)state;
    struct claims *claims;
    assert_refused(EXIT_RUN, "nowhere/shards: is no folder", claims_open(&claims, "nowhere/shards", LONG));
    assert_refused(EXIT_RUN, "/proc/.claims: cannot be made", claims_open(&claims, "/proc", LONG));
    assert_done(file_write(CLAIM_FOLDER, "", 0));
    assert_refused(EXIT_RUN, ".claims: no file can be made in it", claims_open(&claims, ".", LONG));
    assert_int_equal(unlink(CLAIM_FOLDER), 0);
    claims = open_claims(LONG);
    assert_done(directory_remove(CLAIM_FOLDER));
    assert_refused(EXIT_RUN, ".claims/a.tar~1: cannot be made", claims_take(claims, "a.tar"));
    claims_close(&claims);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_a_shard_has_one_owner_until_it_is_given),
        IN_FOLDER(test_many_processes_never_have_the_same_shard),
        IN_FOLDER(test_a_dead_owners_shard_is_free_after_the_expiry),
        IN_FOLDER(test_of_many_one_takes_a_dead_owners_shard),
        IN_FOLDER(test_an_owner_that_slept_notices_and_disturbs_nobody),
        IN_FOLDER(test_a_claim_above_ones_own_is_noticed),
        IN_FOLDER(test_readers_see_whole_lines_that_grow),
        IN_FOLDER(test_what_is_no_claim_is_left_out),
        IN_FOLDER(test_an_empty_claim_holds_until_it_expires),
        IN_FOLDER(test_a_folder_that_takes_no_claims_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
