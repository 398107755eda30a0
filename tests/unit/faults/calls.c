// The functions that stand before the C library's and libzmq's in a test program, and fail when their turn comes. They
// count and strike in the thread that was armed, and hand everything else on. What fails has half of its effect, so
// that an answer nobody looks at leaves a torn file.
#include "calls.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zmq.h>

enum { DESCRIPTORS = 64 };

static struct fault fault;
static _Thread_local bool armed; // libzmq's threads go unharmed
static bool unsynced[DESCRIPTORS];

void calls_arm(struct fault what) {
    fault = what;
    armed = true;
}

void calls_disarm(void) {
    armed = false;
}

// ---- striking

// Whether this call is to fail.
static bool due(enum fault_kind kind, const char *name) {
    if (!armed || kind != fault.kind) return false;
    const int count = ++fault.report->count;
    if (count < fault.nth || (count > fault.nth && fault.manner == FAULT_ONCE)) return false;
    if (!fault.report->struck++) snprintf(fault.report->name, sizeof fault.report->name, "%s", name);
    return true;
}

// How a call that is due ends, after half of its effect.
static int strike(int failure) {
    if (fault.manner == FAULT_KILLED) _exit(FAULT_KILLED_CODE);
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

// Around functions of others that crash, abort or leak: not ours to mend.
#define UNARMED(call)                                                                                                  \
    ({                                                                                                                 \
        const bool was_armed = armed;                                                                                  \
        armed = false;                                                                                                 \
        __typeof__(call) result = call;                                                                                \
        armed = was_armed;                                                                                             \
        result;                                                                                                        \
    })

// ---- memory

// Those who crash, abort or leak when malloc gives them nothing.
static bool is_excused(const void *caller) {
    static const char *const libraries[] = {"libarchive", "libzmq", "libstdc++", "libwebp"};
    Dl_info place;
    bool found = false;
    if (!dladdr(caller, &place)) return false;
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) found |= !!strstr(place.dli_fname, libraries[i]);
    return found;
}

#define ALLOCATION_DUE(name) (armed && !is_excused(__builtin_return_address(0)) && due(FAULT_ALLOCATION, name))

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
    if (due(FAULT_CALL, "open")) return strike(EMFILE);
    const int fd = NEXT(open)(path, flags, mode);
    if (is_file(fd)) unsynced[fd] = false;
    return fd;
}

ssize_t read(int fd, void *bytes, size_t size) {
    return is_file(fd) && due(FAULT_CALL, "read") ? strike(EIO) : NEXT(read)(fd, bytes, size);
}

ssize_t pread(int fd, void *bytes, size_t size, off_t offset) {
    return is_file(fd) && due(FAULT_CALL, "pread") ? strike(EIO) : NEXT(pread)(fd, bytes, size, offset);
}

ssize_t write(int fd, const void *bytes, size_t size) {
    const bool fails = is_file(fd) && due(FAULT_CALL, "write");
    wrote(fd);
    const ssize_t done = NEXT(write)(fd, bytes, fails ? size / 2 : size);
    return fails ? strike(ENOSPC) : done;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
    const bool fails = is_file(fd) && due(FAULT_CALL, "pwrite");
    wrote(fd);
    const ssize_t done = NEXT(pwrite)(fd, bytes, fails ? size / 2 : size, offset);
    return fails ? strike(ENOSPC) : done;
}

ssize_t writev(int fd, const struct iovec *part, int count) {
    const bool fails = is_file(fd) && due(FAULT_CALL, "writev");
    wrote(fd);
    const ssize_t done = NEXT(writev)(fd, part, fails ? count / 2 : count);
    return fails ? strike(ENOSPC) : done;
}

// Nothing of a test needs to outlive the machine: that takes most of the time.
static int sync_nothing(const char *name, int fd) {
    if (is_file(fd) && due(FAULT_CALL, name)) {
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
    return is_file(fd) && due(FAULT_CALL, "ftruncate") ? strike(EIO) : NEXT(ftruncate)(fd, size);
}

// Only a close of what was written and not synced has news: of a disk elsewhere that is full.
int close(int fd) {
    const bool fails = is_file(fd) && unsynced[fd] && due(FAULT_CALL, "close");
    if (fails) lose_half(fd);
    const int status = NEXT(close)(fd);
    return fails ? strike(EDQUOT) : status;
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    if (fd < 0 || !is_file(fd) || !due(FAULT_CALL, "mmap"))
        return NEXT(mmap)(address, size, protection, flags, fd, offset);
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
    return due(FAULT_CALL, "rename") ? strike(EACCES) : NEXT(rename)(from, to);
}

// The exchange of two names, which not every file system has.
int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
    return due(FAULT_CALL, "renameat2") ? strike(EINVAL) : NEXT(renameat2)(from_fd, from, to_fd, to, flags);
}

int remove(const char *path) {
    return due(FAULT_CALL, "remove") ? strike(EACCES) : NEXT(remove)(path);
}

int unlink(const char *path) {
    return due(FAULT_CALL, "unlink") ? strike(EACCES) : NEXT(unlink)(path);
}

int mkdir(const char *path, mode_t mode) {
    const bool fails = access(path, F_OK) && due(FAULT_CALL, "mkdir");
    return fails ? strike(ENOSPC) : NEXT(mkdir)(path, mode);
}

int scandir(const char *path, struct dirent ***names, int (*wanted)(const struct dirent *entry),
            int (*order)(const struct dirent **a, const struct dirent **b)) {
    return due(FAULT_CALL, "scandir") ? strike(EMFILE) : NEXT(scandir)(path, names, wanted, order);
}

// glibc's crash when malloc gives them nothing.
FTS *fts_open(char *const *paths, int options, int (*order)(const FTSENT **a, const FTSENT **b)) {
    return due(FAULT_CALL, "fts_open") ? strike_null(ENOMEM) : UNARMED(NEXT(fts_open)(paths, options, order));
}

FTSENT *fts_read(FTS *tree) {
    FTSENT *entry = UNARMED(NEXT(fts_read)(tree));
    return due(FAULT_CALL, "fts_read") ? strike_null(ENOMEM) : entry;
}

// ---- messages

// A multipart message is sent whole or not at all: only its first part fails.
int zmq_msg_send(zmq_msg_t *message, void *socket, int flags) {
    static bool is_within;
    const bool is_first = !is_within;
    is_within = flags & ZMQ_SNDMORE;
    if (!is_first || !due(FAULT_CALL, "zmq_msg_send")) return NEXT(zmq_msg_send)(message, socket, flags);
    is_within = false;
    return strike(EHOSTUNREACH);
}

int zmq_msg_init_size(zmq_msg_t *message, size_t size) {
    return due(FAULT_ALLOCATION, "zmq_msg_init_size") ? strike(ENOMEM) : NEXT(zmq_msg_init_size)(message, size);
}

int zmq_msg_init_data(zmq_msg_t *message, void *bytes, size_t size, zmq_free_fn *release, void *hint) {
    if (due(FAULT_ALLOCATION, "zmq_msg_init_data")) return strike(ENOMEM);
    return NEXT(zmq_msg_init_data)(message, bytes, size, release, hint);
}

void *zmq_socket(void *context, int type) {
    return due(FAULT_CALL, "zmq_socket") ? strike_null(EMFILE)
                                         : UNARMED(NEXT(zmq_socket)(context, type)); // its threads
}

void *zmq_ctx_new(void) {
    return due(FAULT_CALL, "zmq_ctx_new") ? strike_null(EMFILE)
                                          : UNARMED(NEXT(zmq_ctx_new)()); // glibc's list of protocols
}
