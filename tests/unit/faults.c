// See faults.h. Above, the functions that stand before the C library's; below, the tries and their judge.
#include "faults.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <zmq.h>

#include "base/support.h"

enum kind { CALL, ALLOCATION };
enum manner { ONCE, FROM_THEN_ON, KILLED };
enum { KILLED_CODE = 90, WRONG_CODE, LEFT_OPEN_CODE, LEAK_CODE, CHILD_SECONDS = 20, TRIES = 20000, DESCRIPTORS = 64 };

// What a try has to tell, in memory that it shares with the judge.
static struct report {
    int count;     // calls of the kind so far
    int struck;    // of them, that failed
    char name[24]; // of the first that did
} * report;

static enum kind kind;
static enum manner manner;
static int nth;
static _Thread_local bool armed; // other threads than the task's (libzmq's) go unharmed
static bool unsynced[DESCRIPTORS];

// ---- striking

// Whether this call is to fail.
static bool due(enum kind of, const char *name) {
    if (!armed || of != kind) return false;
    report->count++;
    if (report->count < nth || (report->count > nth && manner == ONCE)) return false;
    if (!report->struck++) snprintf(report->name, sizeof report->name, "%s", name);
    return true;
}

// How a call that is due ends, after half of its effect.
static int strike(int failure) {
    if (manner == KILLED) _exit(KILLED_CODE);
    errno = failure;
    return -1;
}

static void *strike_null(int failure) {
    strike(failure);
    return NULL;
}

// The function that this one stands before. dlsym allocates nothing when it finds what it looks for.
#define NEXT(name)                                                                                                     \
    ({                                                                                                                 \
        static __typeof__(&name) next;                                                                                 \
        if (!next) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                                                  \
        next;                                                                                                          \
    })

// What a function of others does not look at itself, where it crashes, leaks or aborts, is not ours to mend.
#define UNARMED(call)                                                                                                  \
    ({                                                                                                                 \
        const bool was_armed = armed;                                                                                  \
        armed = false;                                                                                                 \
        __typeof__(call) result = call;                                                                                \
        armed = was_armed;                                                                                             \
        result;                                                                                                        \
    })

// ---- memory

// libarchive crashes and leaks when malloc gives it nothing, libzmq aborts.
static bool is_excused(const void *caller) {
    Dl_info place;
    return dladdr(caller, &place) && (strstr(place.dli_fname, "libarchive") || strstr(place.dli_fname, "libzmq") ||
                                      strstr(place.dli_fname, "libstdc++"));
}

#define ALLOCATION_DUE(name) (armed && !is_excused(__builtin_return_address(0)) && due(ALLOCATION, name))

void *malloc(size_t size) {
    return ALLOCATION_DUE("malloc") ? strike_null(ENOMEM) : NEXT(malloc)(size);
}

void *calloc(size_t count, size_t size) {
    return ALLOCATION_DUE("calloc") ? strike_null(ENOMEM) : NEXT(calloc)(count, size);
}

void *realloc(void *old, size_t size) {
    return ALLOCATION_DUE("realloc") ? strike_null(ENOMEM) : NEXT(realloc)(old, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return ALLOCATION_DUE("aligned_alloc") ? strike_null(ENOMEM) : NEXT(aligned_alloc)(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    return ALLOCATION_DUE("posix_memalign") ? ENOMEM : NEXT(posix_memalign)(memory, alignment, size);
}

// The sanitizers' strdup does not come through malloc.
char *strdup(const char *text) {
    return ALLOCATION_DUE("strdup") ? strike_null(ENOMEM) : NEXT(strdup)(text);
}

// ---- descriptors

// Neither a socket nor an eventfd: libzmq aborts when those fail.
static bool is_file(int fd) {
    struct stat about;
    return armed && fd < DESCRIPTORS && !fstat(fd, &about) &&
           (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode) || S_ISFIFO(about.st_mode));
}

static void wrote(int fd) {
    if (is_file(fd)) unsynced[fd] = true;
}

static void lose_half(int fd) {
    struct stat about;
    if (unsynced[fd] && !fstat(fd, &about) && S_ISREG(about.st_mode)) NEXT(ftruncate)(fd, about.st_size / 2);
}

int open(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
    va_end(list);
    if (due(CALL, "open")) return strike(EMFILE);
    const int fd = NEXT(open)(path, flags, mode);
    if (is_file(fd)) unsynced[fd] = false;
    return fd;
}

ssize_t read(int fd, void *bytes, size_t size) {
    return is_file(fd) && due(CALL, "read") ? strike(EIO) : NEXT(read)(fd, bytes, size);
}

ssize_t pread(int fd, void *bytes, size_t size, off_t offset) {
    return is_file(fd) && due(CALL, "pread") ? strike(EIO) : NEXT(pread)(fd, bytes, size, offset);
}

ssize_t write(int fd, const void *bytes, size_t size) {
    const bool fails = is_file(fd) && due(CALL, "write");
    wrote(fd);
    const ssize_t done = NEXT(write)(fd, bytes, fails ? size / 2 : size);
    return fails ? strike(ENOSPC) : done;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
    const bool fails = is_file(fd) && due(CALL, "pwrite");
    wrote(fd);
    const ssize_t done = NEXT(pwrite)(fd, bytes, fails ? size / 2 : size, offset);
    return fails ? strike(ENOSPC) : done;
}

ssize_t writev(int fd, const struct iovec *part, int count) {
    const bool fails = is_file(fd) && due(CALL, "writev");
    wrote(fd);
    const ssize_t done = NEXT(writev)(fd, part, fails ? count / 2 : count);
    return fails ? strike(ENOSPC) : done;
}

// Nothing of a test needs to outlive the machine: that takes most of the time.
static int sync_nothing(const char *name, int fd) {
    if (is_file(fd) && due(CALL, name)) {
        lose_half(fd);
        return strike(EIO);
    }
    if (is_file(fd)) unsynced[fd] = false;
    return 0;
}

int fsync(int fd) {
    return sync_nothing("fsync", fd);
}

int fdatasync(int fd) {
    return sync_nothing("fdatasync", fd);
}

int ftruncate(int fd, off_t size) {
    return is_file(fd) && due(CALL, "ftruncate") ? strike(EIO) : NEXT(ftruncate)(fd, size);
}

// Only a close of what was written and not synced has news: of a disk elsewhere that is full.
int close(int fd) {
    const bool fails = is_file(fd) && unsynced[fd] && due(CALL, "close");
    if (fails) lose_half(fd);
    const int status = NEXT(close)(fd);
    return fails ? strike(EDQUOT) : status;
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    if (fd < 0 || !is_file(fd) || !due(CALL, "mmap")) return NEXT(mmap)(address, size, protection, flags, fd, offset);
    strike(ENOMEM);
    return MAP_FAILED;
}

// ---- streams: the C library writes them by calls that nothing can stand before, so theirs are made here

struct stream {
    int fd;
};

static ssize_t stream_read(void *stream, char *bytes, size_t size) {
    return read(((struct stream *)stream)->fd, bytes, size);
}

static ssize_t stream_write(void *stream, const char *bytes, size_t size) {
    const ssize_t done = write(((struct stream *)stream)->fd, bytes, size);
    return done < 0 ? 0 : done;
}

static int stream_seek(void *stream, off64_t *offset, int whence) {
    const off_t at = lseek(((struct stream *)stream)->fd, *offset, whence);
    if (at >= 0) *offset = at;
    return at < 0 ? -1 : 0;
}

static struct stream streams[8];
static FILE *stream_file[8];

static int stream_close(void *stream) {
    const int fd = ((struct stream *)stream)->fd;
    stream_file[(struct stream *)stream - streams] = NULL;
    return close(fd);
}

int fileno(FILE *file) {
    for (int i = 0; i < 8; i++)
        if (file && stream_file[i] == file) return streams[i].fd;
    return NEXT(fileno)(file);
}

FILE *fopen(const char *path, const char *mode) {
    static const cookie_io_functions_t functions = {stream_read, stream_write, stream_seek, stream_close};
    if (!armed) return NEXT(fopen)(path, mode);
    int i = 0;
    while (stream_file[i])
        if (++i == 8) abort();
    const int flags = *mode == 'r' ? O_RDONLY : O_WRONLY | O_CREAT | (*mode == 'a' ? O_APPEND : O_TRUNC);
    streams[i].fd = open(path, flags | O_CLOEXEC, 0666);
    if (streams[i].fd < 0) return NULL;
    stream_file[i] = fopencookie(&streams[i], mode, functions);
    if (!stream_file[i]) NEXT(close)(streams[i].fd);
    return stream_file[i];
}

// ---- names

int rename(const char *from, const char *to) {
    return due(CALL, "rename") ? strike(EACCES) : NEXT(rename)(from, to);
}

// The exchange of two names, which not every file system has.
int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
    return due(CALL, "renameat2") ? strike(EINVAL) : NEXT(renameat2)(from_fd, from, to_fd, to, flags);
}

int remove(const char *path) {
    return due(CALL, "remove") ? strike(EACCES) : NEXT(remove)(path);
}

int unlink(const char *path) {
    return due(CALL, "unlink") ? strike(EACCES) : NEXT(unlink)(path);
}

int mkdir(const char *path, mode_t mode) {
    const bool fails = access(path, F_OK) && due(CALL, "mkdir");
    return fails ? strike(ENOSPC) : NEXT(mkdir)(path, mode);
}

int scandir(const char *path, struct dirent ***names, int (*wanted)(const struct dirent *entry),
            int (*order)(const struct dirent **a, const struct dirent **b)) {
    return due(CALL, "scandir") ? strike(EMFILE) : NEXT(scandir)(path, names, wanted, order);
}

// glibc's crash when malloc gives them nothing.
FTS *fts_open(char *const *paths, int options, int (*order)(const FTSENT **a, const FTSENT **b)) {
    return due(CALL, "fts_open") ? strike_null(ENOMEM) : UNARMED(NEXT(fts_open)(paths, options, order));
}

FTSENT *fts_read(FTS *tree) {
    FTSENT *entry = UNARMED(NEXT(fts_read)(tree));
    return due(CALL, "fts_read") ? strike_null(ENOMEM) : entry;
}

// ---- messages

// A multipart message is sent whole or not at all: only its first part fails.
int zmq_msg_send(zmq_msg_t *message, void *socket, int flags) {
    static bool is_within;
    const bool is_first = !is_within;
    is_within = flags & ZMQ_SNDMORE;
    if (!is_first || !due(CALL, "zmq_msg_send")) return NEXT(zmq_msg_send)(message, socket, flags);
    is_within = false;
    return strike(EHOSTUNREACH);
}

int zmq_msg_init_size(zmq_msg_t *message, size_t size) {
    return due(ALLOCATION, "zmq_msg_init_size") ? strike(ENOMEM) : NEXT(zmq_msg_init_size)(message, size);
}

int zmq_msg_init_data(zmq_msg_t *message, void *bytes, size_t size, zmq_free_fn *release, void *hint) {
    if (due(ALLOCATION, "zmq_msg_init_data")) return strike(ENOMEM);
    return NEXT(zmq_msg_init_data)(message, bytes, size, release, hint);
}

void *zmq_socket(void *context, int type) {
    return due(CALL, "zmq_socket") ? strike_null(EMFILE) : UNARMED(NEXT(zmq_socket)(context, type)); // its threads
}

void *zmq_ctx_new(void) {
    return due(CALL, "zmq_ctx_new") ? strike_null(EMFILE) : UNARMED(NEXT(zmq_ctx_new)()); // glibc's list of protocols
}

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

static const int crashes[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS};

// In a process of its own: exits with the task's code, or with one that says what is wrong beyond.
static _Noreturn void try(const struct fault_task *task) {
    const int before = count_open();
    alarm(CHILD_SECONDS);
    on_exit(leave, NULL);
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        signal(crashes[i], SIG_DFL); // cmocka goes on to the next
    armed = nth > 0;
    const int status = task->attempt();
    armed = false;
    if (status > 0) _exit(WRONG_CODE);
    if (count_open() != before) _exit(LEFT_OPEN_CODE);
    if (nth && __lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check()) _exit(LEAK_CODE);
    _exit(-status);
}

struct outcome {
    int status;       // as waitpid's
    const char *said; // good until the next
};

static struct outcome run_try(const struct fault_task *task) {
    struct outcome outcome;
    *report = (struct report){0};
    listen_in();
    fflush(NULL);
    const pid_t child = fork();
    if (!child) try(task);
    if (child < 0 || waitpid(child, &outcome.status, 0) != child) abort();
    outcome.said = heard();
    return outcome;
}

// ---- the judge

static bool holds(bool (*state)(void)) {
    listen_in();
    const bool yes = state();
    heard();
    return yes;
}

static int find_temporary(const char *path, const struct stat *about, int type, struct FTW *walk) {
    (void)about, (void)type, (void)walk;
    const size_t length = strlen(path);
    return length > 4 && !strcmp(path + length - 4, ".tmp");
}

static bool may_leave(void) {
    return kind == ALLOCATION || manner != ONCE || !strcmp(report->name, "remove");
}

static const char *fault_of_report(const struct outcome *outcome, const char *words) {
    const bool memory = kind == ALLOCATION && strcasestr(outcome->said, "out of memory");
    if (!strstr(outcome->said, "error: ") && !memory) return "no error was reported";
    if (!strstr(outcome->said, words) && !memory) return "the report does not name the file";
    return NULL;
}

// What is wrong with a try, or NULL.
static const char *fault_of(const struct fault_task *task, const struct outcome *outcome) {
    const int code = WIFEXITED(outcome->status) ? WEXITSTATUS(outcome->status) : -1;
    if (strstr(outcome->said, "Sanitizer") || strstr(outcome->said, "runtime error")) return "a sanitizer objects";
    if (code == -1) return "it crashed, or took too long";
    if (code == WRONG_CODE) return "it passed with a wrong result";
    if (code == LEFT_OPEN_CODE) return "a descriptor is left open";
    if (code == KILLED_CODE && manner == KILLED) return NULL;
    if (code > EXIT_PEER) return "an unknown exit code";
    if (code && !report->struck) return "it fails though no call did";
    if (code) return fault_of_report(outcome, task->words);
    return NULL;
}

static const char *fault_on_disk(const struct fault_task *task, const struct outcome *outcome) {
    if (!task->is_after) return NULL;
    const bool passed = WIFEXITED(outcome->status) && !WEXITSTATUS(outcome->status), after = holds(task->is_after);
    if (passed && !after) return "it passed, and the disk does not hold what it should";
    if (!after && !holds(task->is_before)) return "the disk holds neither the state before nor the one after";
    if (!may_leave() && nftw(".", find_temporary, 16, FTW_PHYS)) return "a temporary file is left";
    return NULL;
}

// Whether the task passes on what the try has left. Want of memory leaves nothing else than being killed does.
static const char *fault_of_next(const struct fault_task *task) {
    if (kind == ALLOCATION || (task->is_after && holds(task->is_after))) return NULL;
    const int at = nth;
    nth = 0;
    const struct outcome outcome = run_try(task);
    nth = at;
    if (outcome.status) return "tried again, it fails";
    return task->is_after && !holds(task->is_after) ? "tried again, it passes and leaves something else" : NULL;
}

static void enter_trial(const struct fault_task *task) {
    if (directory_remove("trial") || directory_make("trial") || chdir("trial")) fail_msg("no folder for a trial");
    task->prepare();
}

// One try and its verdict; false when no call failed any more.
static bool trial(const struct fault_task *task) {
    static const char *const manners[] = {"once", "from then on", "killed"};
    enter_trial(task);
    const struct outcome outcome = run_try(task);
    const struct report found = *report;
    char said[2000];
    snprintf(said, sizeof said, "%s", outcome.said);
    const char *fault = fault_of(task, &outcome);
    if (!fault) fault = fault_on_disk(task, &outcome);
    if (!fault) fault = fault_of_next(task);
    if (fault)
        fail_msg("%s number %d, %s: %s; status %d, it said: %s", found.struck ? found.name : "no failure", nth,
                 manners[manner], fault, outcome.status, said);
    if (chdir("..")) fail_msg("the folder of the test is gone");
    return found.struck > 0;
}

static void run_trials(const struct fault_task *task) {
    for (nth = 1; trial(task); nth++)
        if (nth == TRIES) fail_msg("no end of calls");
    print_message("  %4d %s\n", nth - 1, kind == CALL ? "calls" : "allocations");
}

void assert_survives(const struct fault_task *task) {
    static const struct {
        enum kind kind;
        enum manner manner;
    } row[] = {{CALL, ONCE}, {CALL, FROM_THEN_ON}, {CALL, KILLED}, {ALLOCATION, ONCE}};
    report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (report == MAP_FAILED) fail_msg("no memory to share");
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        kind = row[i].kind;
        manner = row[i].manner;
        run_trials(task);
    }
    munmap(report, sizeof *report);
}
