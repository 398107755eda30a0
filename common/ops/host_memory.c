// Shared memory, and what is trivial, for the backends that compute in host memory. Slots of tensors between two stages
// of one host lie in it (train/slots.c), so that a message carries a handle and no bytes.
//
// A file without a name (memfd) is made by one process, which keeps its descriptor; the handle says process and
// descriptor, and the other opens /proc/PROCESS/fd/FILE, for which the kernel asks that it may look into the process:
// the same user. No name is left behind, whoever dies first. Since a handle comes from outside, its size is bounded
// before it is added to, the file must be of that size and sealed against shrinking (a reader of what was cut off would
// die of SIGBUS), and the cookie in it must be the handle's: in another process namespace the numbers name another
// file.
#include "ops/host_memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fail.h"

// The file: this page, then the bytes. In another process namespace the handle would name another process's file, which
// the cookie tells.
enum { HEAD = 4096, COOKIE = 16 };
struct head {
    unsigned char cookie[COOKIE];
};

struct host_handle {
    size_t bytes;
    int32_t process, file;
    unsigned char cookie[COOKIE];
};
_Static_assert(sizeof(struct host_handle) <= SHARED_HANDLE, "a handle does not fit");

static struct head *head_of(const struct shared_memory *memory) {
    return (struct head *)((char *)memory->at - HEAD);
}

// A file of this size that nobody can make shorter under the other's feet.
static int sealed_file(size_t size) {
    int file = memfd_create("cocaflow", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0) return -1;
    if (fchmod(file, S_IRUSR | S_IWUSR) == 0 && ftruncate(file, (off_t)size) == 0 &&
        fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK) == 0)
        return file;
    close(file);
    return -1;
}

static void *map(int file, size_t size) {
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    return at == MAP_FAILED ? NULL : at;
}

static void write_handle(struct shared_memory *memory, const struct head *head, int file) {
    struct host_handle handle = {.bytes = memory->bytes, .process = getpid(), .file = file};
    memcpy(handle.cookie, head->cookie, COOKIE);
    memcpy(memory->handle, &handle, sizeof handle);
}

// The maker's descriptor, by its own copy of the handle: the file's page is the other process's to write, too.
static int file_of(const struct shared_memory *memory) {
    struct host_handle handle;
    memcpy(&handle, memory->handle, sizeof handle);
    return handle.file;
}

// The maker stays the owner of the descriptor until host_close_shared: until then others may open it by the handle. Any
// process of this user can, so the reader's device does not matter. A file begins as zeros.
void host_share(struct ops *ops, struct shared_memory *memory, size_t bytes, int reader) {
    (void)ops;
    (void)reader;
    *memory = (struct shared_memory){.bytes = bytes};
    int file = sealed_file(HEAD + bytes);
    struct head *head = file < 0 ? NULL : map(file, HEAD + bytes);
    if (!head) {
        if (file >= 0) close(file);
        return;
    }
    if (getrandom(head->cookie, COOKIE, 0) != COOKIE) bug("getrandom fails");
    memory->at = (char *)head + HEAD;
    write_handle(memory, head, file);
}

static bool is_whole(int file, const struct host_handle *handle) {
    struct stat about;
    return fstat(file, &about) == 0 && (uint64_t)about.st_size == HEAD + handle->bytes &&
           (fcntl(file, F_GET_SEALS) & F_SEAL_SHRINK);
}

// The descriptor is not needed once the file is mapped. The cookie can be compared only then.
static struct head *open_file(const struct host_handle *handle) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)handle->process, (int)handle->file);
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return NULL;
    struct head *head = is_whole(file, handle) ? map(file, HEAD + handle->bytes) : NULL;
    close(file);
    if (head && memcmp(head->cookie, handle->cookie, COOKIE) != 0) {
        munmap(head, HEAD + handle->bytes);
        return NULL;
    }
    return head;
}

void host_open_shared(struct ops *ops, struct shared_memory *memory) {
    (void)ops;
    struct host_handle handle;
    memcpy(&handle, memory->handle, sizeof handle);
    struct head *head = handle.bytes > SIZE_MAX / 2 ? NULL : open_file(&handle);
    memory->opened = true;
    memory->bytes = handle.bytes;
    memory->at = head ? (char *)head + HEAD : NULL;
}

void host_close_shared(struct ops *ops, struct shared_memory *memory) {
    (void)ops;
    if (!memory->at) return;
    struct head *head = head_of(memory);
    if (!memory->opened) close(file_of(memory));
    munmap(head, HEAD + memory->bytes);
    memory->at = NULL;
}

// Host memory has no way to go ahead on, and nothing is queued: the two are copies, which callers leave out where
// nothing is queued, and graphs keep nothing. Not by the table's own upload and copy: a profile would time these too.
void host_upload_ahead(struct ops *ops, void *device, const void *host, size_t bytes) {
    (void)ops;
    memcpy(device, host, bytes);
}

void host_take_ahead(struct ops *ops, void *to, const void *device, size_t bytes) {
    (void)ops;
    memcpy(to, device, bytes);
}

void host_free_memory(struct ops *ops, int64_t *bytes) {
    (void)ops;
    *bytes = -1;
}

void host_graph_begin(struct ops *ops, struct ops_graph *graph, int64_t key, bool *issued) {
    (void)ops;
    (void)graph;
    (void)key;
    *issued = false;
}

void host_graph_end(struct ops *ops, struct ops_graph *graph) {
    (void)ops;
    (void)graph;
}

void host_graph_release(struct ops *ops, struct ops_graph *graph) {
    (void)ops;
    (void)graph;
}
