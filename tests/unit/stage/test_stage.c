// The life of a stage, run in a process of its own: signals, the supervisor's death, readiness, counters, exit codes.
#include "../base/folder.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "stage/command.h"
#include "stage/stage.h"

// --- Stages to try

struct settings {
    int64_t code;
    char *address;
};
static struct settings settings;
static const struct option rows[] = {
    {"code", OPTION_INT, 0, "N", "0", 0, 100, "exit code", 0},
    {"input", OPTION_TEXT, offsetof(struct settings, address), "ADDRESS", "ipc://input", 0, 0, "edge", 0},
};
static struct option_table table = {.option = rows, .count = 2, .settings = &settings};
static struct option_table *const tables[] = {&table, NULL};

static int leave_with_code(void *context, struct hub *hub) {
    (void)context;
    (void)hub;
    stage_ready();
    stage_announce_memory(12345);
    stage_count_ranks((struct ranks_counters){
        .messages_in = 3, .messages_out = 4, .bytes_in = 50000000000, .bytes_out = 6, .waiting = 0});
    return -(int)settings.code;
}

static struct edge *open_input(struct hub *hub) {
    struct edge *edge;
    const struct edge_options options = {
        .name = "input", .address = settings.address, .manner = EDGE_PULL, .direction = EDGE_IN, .window = 1};
    if (hub_edge(hub, &edge, &options)) exit(9);
    edge_want(edge, ANYBODY, (struct unit){0, 0, 0, 1});
    return edge;
}

// Waits for what never comes.
static int wait_forever(void *context, struct hub *hub) {
    (void)context;
    struct message *message;
    struct edge *edge = open_input(hub);
    stage_ready();
    int status = edge_take(edge, wanted_data(ANYBODY, 0, 0), &message);
    if (status == STAGE_STOP && (!stage_stopping() || stage_signal_number() == 0)) return -99;
    return status;
}

static int asked; // how often the conductor's wish was passed on
static int pass_on(void *context, int signal) {
    *(int *)context = signal;
    asked++;
    return 77;
}

static int request(void *context, struct hub *hub) {
    (void)context;
    struct message *message;
    int seen = 0;
    stage_signal_policy(STAGE_REQUEST, pass_on, &seen);
    struct edge *edge = open_input(hub);
    stage_ready();
    if (edge_take(edge, wanted_data(ANYBODY, 0, 0), &message) != 77 || stage_stopping()) return -98;
    stage_exit_signal(seen);
    return asked == 1 ? 0 : -97;
}

static int ignore(void *context, struct hub *hub) {
    (void)context;
    struct message *message;
    stage_signal_policy(STAGE_IGNORE, NULL, NULL);
    struct edge *edge = open_input(hub);
    stage_ready();
    return edge_take(edge, wanted_data(ANYBODY, 0, 0), &message);
}

static int compute(void *context, struct hub *hub) {
    (void)context;
    (void)hub;
    volatile double x = 1;
    stage_ready();
    while (x > 0) x = x * 1.0000001;
    return 0;
}

static pid_t launch(int (*run)(void *context, struct hub *hub), const char *const *argv) {
    const struct stage stage = {.name = "coca-test", .summary = "a test", .tables = tables, .run = run};
    int argc = 0;
    while (argv[argc]) argc++;
    pid_t pid = fork();
    if (!pid) _exit(stage_main(&stage, argc, (char **)argv));
    return pid;
}
#define LAUNCH(run, ...) launch(run, (const char *const[]){"coca-test", __VA_ARGS__, NULL})

static int finish(pid_t pid) {
    int status;
    for (int i = 0; i < 1000 && waitpid(pid, &status, WNOHANG) != pid; i++) {
        if (i == 999) kill(pid, SIGKILL);
        usleep(10000);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void await_ready(void) {
    for (int i = 0; i < 500 && !file_exists("ready"); i++) usleep(10000);
    assert_true(file_exists("ready"));
    usleep(50000); // from stage_ready into the wait
}

// --- Tests

static void test_exit_codes(void **state) {
    (void)state;
    assert_int_equal(finish(LAUNCH(leave_with_code, "--code", "0")), 0);
    assert_int_equal(finish(LAUNCH(leave_with_code, "--code", "3")), 3);
    assert_int_equal(finish(LAUNCH(leave_with_code, "--no-such-option")), 2);
    assert_int_equal(finish(LAUNCH(leave_with_code, "operand")), 2);
    assert_int_equal(finish(LAUNCH(leave_with_code, "--run-dir", "missing")), 2);
    assert_int_equal(finish(LAUNCH(leave_with_code, "--record", "images")), 2);
    assert_int_equal(finish(LAUNCH(leave_with_code, "--supervisor", "missing")), 2);
}

static void test_drain(void **state) {
    (void)state;
    static const struct { int sent, code; } signals[] = {{SIGTERM, 143}, {SIGINT, 130}, {SIGHUP, 129}, {SIGUSR1, 143}};
    for (int i = 0; i < 4; i++) {
        pid_t stage = LAUNCH(wait_forever, "--ready", "ready");
        await_ready();
        kill(stage, signals[i].sent);
        assert_int_equal(finish(stage), signals[i].code);
        unlink("ready");
    }
}

// As where nohup started the job: closing the terminal does not end it.
static void test_ignored_hangup(void **state) {
    (void)state;
    int status;
    signal(SIGHUP, SIG_IGN);
    pid_t stage = LAUNCH(wait_forever, "--ready", "ready");
    signal(SIGHUP, SIG_DFL);
    await_ready();
    kill(stage, SIGHUP);
    usleep(200000);
    assert_int_equal(waitpid(stage, &status, WNOHANG), 0);
    kill(stage, SIGTERM);
    assert_int_equal(finish(stage), 143);
}

static void test_request(void **state) {
    (void)state;
    pid_t stage = LAUNCH(request, "--ready", "ready");
    await_ready();
    kill(stage, SIGTERM);
    kill(stage, SIGTERM); // who signals every process of a job, and the supervisor that passes it on
    kill(stage, SIGUSR1);
    assert_int_equal(finish(stage), 128 + SIGTERM);
}

// Signals of one second are one request, whatever their kind.
static void test_one_request(void **state) {
    (void)state;
    int status;
    pid_t stage = LAUNCH(ignore, "--ready", "ready");
    await_ready();
    for (int i = 0; i < 5; i++, usleep(50000)) kill(stage, i % 2 ? SIGTERM : SIGINT);
    assert_int_equal(waitpid(stage, &status, WNOHANG), 0);
    kill(stage, SIGKILL);
    finish(stage);
}

static void test_ignored_until_the_second(void **state) {
    (void)state;
    int status;
    pid_t stage = LAUNCH(ignore, "--ready", "ready");
    await_ready();
    kill(stage, SIGINT);
    usleep(1050000);
    assert_int_equal(waitpid(stage, &status, WNOHANG), 0);
    kill(stage, SIGTERM);
    assert_int_equal(finish(stage), 128 + SIGTERM);
}

static void test_second_signal_interrupts_computing(void **state) {
    (void)state;
    int status;
    pid_t stage = LAUNCH(compute, "--ready", "ready");
    await_ready();
    kill(stage, SIGINT);
    usleep(1050000);
    assert_int_equal(waitpid(stage, &status, WNOHANG), 0);
    kill(stage, SIGINT);
    assert_int_equal(finish(stage), 128 + SIGINT);
}

static void test_supervisor_dies(void **state) {
    (void)state;
    int status;
    assert_int_equal(mkfifo("supervisor", 0600), 0);
    int held = open("supervisor", O_RDWR | O_CLOEXEC);
    pid_t stage = fork();
    if (!stage) { // the supervisor's end must not live on in the child
        close(held);
        _exit(finish(LAUNCH(wait_forever, "--ready", "ready", "--supervisor", "supervisor")));
    }
    await_ready();
    assert_int_equal(waitpid(stage, &status, WNOHANG), 0);
    close(held);
    double before = clock_seconds();
    assert_int_equal(finish(stage), EXIT_PEER);
    assert_true(clock_seconds() - before < 2);
    // and one that starts when it is dead already
    assert_int_equal(finish(LAUNCH(wait_forever, "--supervisor", "supervisor")), EXIT_PEER);
}

static void test_counters(void **state) {
    (void)state;
    struct buffer text = {0};
    char role[32];
    int rank, columns = 1;
    double seconds, busy, waiting, blocked;
    long long peak, announced;
    for (int i = 0; i < 2; i++)
        assert_int_equal(finish(LAUNCH(leave_with_code, "--counters", "counters", "--rank", "3")), 0);
    assert_int_equal(file_read("counters", 4096, &text), 0);
    assert_int_equal(sscanf(text.bytes, "%31s\t%d\t%lf\t%lf\t%lf\t%lf\t%*d\t%*d\t%*d\t%*d\t%lld\t%lld", role, &rank,
                            &seconds, &busy, &waiting, &blocked, &peak, &announced),
                     8);
    assert_string_equal(role, "test");
    assert_int_equal(rank, 3);
    assert_true(busy > 0.5 && waiting >= 0 && blocked >= 0 && busy + waiting + blocked < 1.001);
    assert_true(peak > 100000);
    assert_int_equal(announced, 12345);
    const char *second = strchr(text.bytes, '\n') + 1; // appended, not overwritten
    for (const char *c = second; *c != '\n'; c++) columns += *c == '\t';
    assert_int_equal(columns, 20);
    assert_non_null(strstr(second, "\t0.0000\t3\t4\t50000000000\t6\t0\n"));
    buffer_release(&text);
}

static void test_run_dir(void **state) {
    (void)state;
    assert_int_equal(mkdir("run", 0700), 0);
    assert_int_equal(finish(LAUNCH(leave_with_code, "--run-dir", "run", "--ready", "here")), 0);
    assert_true(file_exists("run/here"));
}

// --- Programs with commands

static int show(void *context, const struct strings *operands) {
    const struct settings *given = context;
    return operands->count == 2 && strcmp(operands->item[1], "b") == 0 ? -(int)given->code : -50;
}

static int show_main(const struct command *command, int argc, char **argv) {
    const struct tool tool = {.name = "coca-test show",
                              .summary = command->summary,
                              .tables = tables,
                              .operands = "FILE...",
                              .context = &settings,
                              .run = show};
    return tool_main(&tool, argc, argv);
}

static int wait_main(const struct command *command, int argc, char **argv) {
    const struct stage stage = {.name = "coca-test wait",
                                .role = "test",
                                .summary = command->summary,
                                .tables = tables,
                                .run = leave_with_code};
    return stage_main(&stage, argc, argv);
}

static const struct command commands[] = {{"show", "shows", show_main}, {"wait", "waits", wait_main}, {0}};
static const struct program program = {"coca-test", "tests", NULL, commands};

static int run_program(const char *const *argv) {
    int argc = 0;
    while (argv[argc]) argc++;
    pid_t pid = fork();
    if (!pid) {
        if (!freopen("said", "w", stdout)) _exit(60);
        int code = program_main(&program, argc, (char **)argv);
        fflush(stdout);
        _exit(code);
    }
    return finish(pid);
}
#define PROGRAM(...) run_program((const char *const[]){"coca-test", __VA_ARGS__ NULL})

static bool said(const char *words) {
    struct buffer text = {0};
    assert_int_equal(file_read("said", 1 << 20, &text), 0);
    bool found = text.size && strstr(text.bytes, words);
    buffer_release(&text);
    return found;
}

static void test_commands(void **state) {
    (void)state;
    assert_int_equal(PROGRAM("show", "a", "--code", "6", "b", ), 6);
    assert_int_equal(PROGRAM("wait", "--code", "7", ), 7);
    assert_int_equal(PROGRAM("wait", "operand", ), 2);
    assert_int_equal(PROGRAM("shove", ), 2);
    assert_int_equal(PROGRAM(), 2);
    assert_int_equal(PROGRAM("--help", ), 0);
    assert_true(said("show") && said("waits"));
    assert_int_equal(PROGRAM("show", "--help", ), 0);
    assert_true(said("--code N") && said("FILE..."));
    assert_false(said("--run-dir"));
    assert_int_equal(PROGRAM("wait", "--help", ), 0);
    assert_true(said("--run-dir"));
    assert_int_equal(PROGRAM("--version", ), 0);
    assert_true(said(COCAFLOW_VERSION));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_exit_codes),
        IN_FOLDER(test_drain),
        IN_FOLDER(test_ignored_hangup),
        IN_FOLDER(test_request),
        IN_FOLDER(test_one_request),
        IN_FOLDER(test_ignored_until_the_second),
        IN_FOLDER(test_second_signal_interrupts_computing),
        IN_FOLDER(test_supervisor_dies),
        IN_FOLDER(test_counters),
        IN_FOLDER(test_run_dir),
        IN_FOLDER(test_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
