// Tries a task with one call failing after the other, each time in a process of its own, and judges what it did, said
// and left. Called by the tests of each room; which calls fail, and how, is calls.c.
#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>

#include "../base/support.h"
#include "calls.h"
#include "faults.h"

enum { WRONG_CODE = 91, LEFT_OPEN_CODE, LEAK_CODE, CHILD_SECONDS = 20, TRIES = 20000, DESCRIPTORS = 64 };

struct trial {
    const struct fault_task *task;
    struct fault fault; // nth 0: none
    int status;         // as waitpid's
    char said[2000];
};

// ---- one try

// What the sanitizers read when the environment says nothing else: a small heap makes processes quickly.
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "quarantine_size_mb=1:exitcode=99";
}

// NULL without the sanitizers.
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static int count_open(void) {
    int count = 0;
    for (int fd = 0; fd < DESCRIPTORS; fd++) count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

// A process that ends for want of memory may leave what it has.
static void leave(int status, void *nothing) {
    (void)nothing;
    _exit(status);
}

// cmocka would go on to the next test after a crash.
static void let_crash(void) {
    static const int crashes[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS};
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++) signal(crashes[i], SIG_DFL);
}

// In a process of its own: exits with the task's code, or with one that says what is wrong beyond.
static _Noreturn void try(const struct trial *trial) {
    const int before = count_open();
    alarm(CHILD_SECONDS);
    on_exit(leave, NULL);
    let_crash();
    if (trial->fault.nth) calls_arm(trial->fault);
    const int status = trial->task->attempt();
    calls_disarm();
    if (status > 0) _exit(WRONG_CODE);
    if (count_open() != before) _exit(LEFT_OPEN_CODE);
    if (trial->fault.nth && __lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check()) _exit(LEAK_CODE);
    _exit(-status);
}

static void run(struct trial *trial) {
    *trial->fault.report = (struct fault_report){0};
    listen_in();
    fflush(NULL);
    const pid_t child = fork();
    if (!child) try(trial);
    if (child < 0 || waitpid(child, &trial->status, 0) != child) abort();
    snprintf(trial->said, sizeof trial->said, "%.1999s", heard());
}

// ---- the judge: each says what is wrong, or NULL

static bool holds(bool (*state)(void)) {
    listen_in();
    const bool yes = state();
    heard();
    return yes;
}

// `names`: "this|that".
static bool says_one_of(const char *said, const char *names) {
    char *copy = xstrdup(names), *rest = copy;
    bool found = false;
    for (char *name; (name = strsep(&rest, "|"));) found |= !!strstr(said, name);
    free(copy);
    return found;
}

static const char *fault_of_report(const struct trial *trial) {
    const bool memory = trial->fault.kind == FAULT_ALLOCATION && strcasestr(trial->said, "out of memory");
    if (!trial->fault.report->struck) return "it fails though no call did";
    if (!strstr(trial->said, "error: ") && !memory) return "no error was reported";
    if (!says_one_of(trial->said, trial->task->names) && !memory) return "the report does not name the file";
    return NULL;
}

static const char *fault_of_process(const struct trial *trial) {
    const int code = WIFEXITED(trial->status) ? WEXITSTATUS(trial->status) : -1;
    if (code == LEAK_CODE) return "memory leaks";
    if (strstr(trial->said, "Sanitizer") || strstr(trial->said, "runtime error")) return "a sanitizer objects";
    if (code == -1) return "it crashed, or took too long";
    if (code == WRONG_CODE) return "it passed with a wrong result";
    if (code == LEFT_OPEN_CODE) return "a descriptor is left open";
    if (!code || (code == FAULT_KILLED_CODE && trial->fault.manner == FAULT_KILLED)) return NULL;
    return code > EXIT_PEER ? "an unknown exit code" : fault_of_report(trial);
}

static int find_temporary(const char *path, const struct stat *about, int type, struct FTW *walk) {
    (void)about, (void)type, (void)walk;
    const size_t length = strlen(path);
    return length > 4 && !strcmp(path + length - 4, ".tmp");
}

static bool may_leave_temporary(const struct fault *fault) {
    return fault->kind == FAULT_ALLOCATION || fault->manner != FAULT_ONCE || !strcmp(fault->report->name, "remove");
}

static const char *fault_on_disk(const struct trial *trial) {
    const struct fault_task *task = trial->task;
    if (!task->is_after) return NULL;
    const bool after = holds(task->is_after);
    if (!trial->status && !after) return "it passed, and the disk does not hold what it should";
    if (!after && !holds(task->is_before)) return "the disk holds neither the state before nor the one after";
    if (!may_leave_temporary(&trial->fault) && nftw(".", find_temporary, 16, FTW_PHYS))
        return "a temporary file is left";
    return NULL;
}

// Of the same task tried again on what was left. Want of memory leaves nothing else than being killed does.
static const char *fault_of_next(const struct trial *trial) {
    const struct fault_task *task = trial->task;
    struct fault_report unused;
    struct trial next = {.task = task, .fault = {.report = &unused}};
    if (trial->fault.kind == FAULT_ALLOCATION || (task->is_after && holds(task->is_after))) return NULL;
    run(&next);
    if (next.status) return "tried again, it fails";
    return task->is_after && !holds(task->is_after) ? "tried again, it passes and leaves something else" : NULL;
}

static char *describe(const struct trial *trial, const char *what) {
    static const char *const manners[] = {"once", "from then on", "killed"};
    return xformat("%s number %d, %s: %s; status %d, it said: %s",
                   trial->fault.report->struck ? trial->fault.report->name : "no failure", trial->fault.nth,
                   manners[trial->fault.manner], what, trial->status, trial->said);
}

// ---- all tries

// In memory, where the system has such a folder: nothing here needs a disk.
static void make_folder_of_tries(char path[64]) {
    static const char *const places[] = {"/dev/shm/coca-faults-XXXXXX", "/tmp/coca-faults-XXXXXX"};
    for (int i = 0; i < 2; i++) {
        strcpy(path, places[i]);
        if (mkdtemp(path)) return;
    }
    abort();
}

static char *judge(struct trial *trial) {
    if (directory_remove("try") || directory_make("try") || chdir("try")) abort();
    trial->task->prepare();
    run(trial);
    const char *what = fault_of_process(trial);
    if (!what) what = fault_on_disk(trial);
    if (!what) what = fault_of_next(trial);
    if (chdir("..")) abort();
    return what ? describe(trial, what) : NULL;
}

// Until no call is left to fail.
static char *judge_each(struct trial *trial) {
    char *found = NULL;
    do {
        trial->fault.nth++;
        found = judge(trial);
    } while (!found && trial->fault.report->struck && trial->fault.nth < TRIES);
    return found;
}

static char *judge_all(const struct fault_task *task, struct fault_report *report) {
    static const struct fault rows[] = {
        {.kind = FAULT_CALL, .manner = FAULT_ONCE},
        {.kind = FAULT_CALL, .manner = FAULT_FROM_THEN_ON},
        {.kind = FAULT_CALL, .manner = FAULT_KILLED},
        {.kind = FAULT_ALLOCATION, .manner = FAULT_ONCE},
    };
    char *found = NULL;
    int tries = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows && !found; i++) {
        struct trial trial = {.task = task, .fault = rows[i]};
        trial.fault.report = report;
        found = judge_each(&trial);
        tries += trial.fault.nth - 1;
    }
    return found || tries ? found : xstrdup("no call could fail");
}

char *find_fault(const struct fault_task *task) {
    char path[64], *here = getcwd(NULL, 0);
    struct fault_report *report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    make_folder_of_tries(path);
    if (!here || report == MAP_FAILED || chdir(path)) abort();
    char *found = judge_all(task, report);
    if (chdir(here) || directory_remove(path)) abort();
    munmap(report, sizeof *report);
    free(here);
    return found;
}

void assert_survives(const struct fault_task *task) {
    char text[3000], *found = find_fault(task);
    if (!found) return;
    snprintf(text, sizeof text, "%s", found);
    free(found);
    fail_msg("%s", text);
}
