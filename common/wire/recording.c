// Messages in a file or pipe, read and written through plain descriptors. A pipe may block for as long as the other
// side likes, so before each read or write the owner is asked to wait (edge.c lets the hub serve its sockets
// meanwhile); tools without a hub just wait. A header read from a pipe may claim any length: memory grows as bytes
// come.
#include "wire/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/memory.h"
#include "wire/codec.h"
#include "wire/storage.h"

static const char magic[8] = {'c', 'o', 'c', 'a', 'r', 'e', 'c', '1'};
enum { PIPE_CHUNK = 4096 };                  // a pipe that polls as writable takes this much without blocking
enum { PAYLOAD_AT_ONCE = 16 * 1024 * 1024 }; // bytes reserved on a header's word alone

struct recording {
    char *path;
    int fd;
    bool owned;     // the descriptor is closed with the recording
    bool begun;     // the magic bytes are past
    bool regular;   // a file: never waited for
    int64_t offset; // bytes read or written
    int64_t size;   // of a regular file that is read
    int64_t step;   // of the last message read
    int (*wait)(void *context, int fd, short events);
    void *context;
    bool writing;
    int failure; // of a write, returned by all that follow
};

const char *recording_path(const struct recording *recording) {
    return recording->path;
}

void recording_on_wait(struct recording *recording, int (*wait)(void *context, int fd, short events), void *context) {
    recording->wait = wait;
    recording->context = context;
}

static struct recording *recording_new(int fd, const char *name, bool owned, bool writing) {
    struct recording *recording = xcalloc(1, sizeof *recording);
    struct stat status;
    recording->path = xstrdup(name);
    recording->fd = fd;
    recording->owned = owned;
    recording->writing = writing;
    recording->step = -1;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        recording->regular = true;
        recording->size = status.st_size;
    }
    return recording;
}

static void recording_free(struct recording **recording) {
    if ((*recording)->owned) close((*recording)->fd);
    free((*recording)->path);
    free(*recording);
    *recording = NULL;
}

static int await(struct recording *recording, short events) {
    struct pollfd item = {recording->fd, events, 0};
    if (recording->regular) return 0;
    if (recording->wait) return recording->wait(recording->context, recording->fd, events);
    while (poll(&item, 1, -1) < 0 && errno == EINTR) continue;
    return 0;
}

bool recording_readable(const struct recording *recording) {
    struct pollfd item = {recording->fd, POLLIN, 0};
    return recording->regular || poll(&item, 1, 0) > 0;
}

// --- Reading

int recording_open_fd(struct recording **recording, int fd, const char *name) {
    *recording = recording_new(fd, name, false, false);
    return 0;
}

int recording_open(struct recording **recording, const char *path) {
    if (strcmp(path, "-") == 0) {
        if (isatty(STDIN_FILENO))
            return error(EXIT_USAGE, "stdin is a terminal; a recording comes from a file or pipe");
        return recording_open_fd(recording, STDIN_FILENO, "stdin");
    }
    // Without O_NONBLOCK a FIFO would stop the process here, deaf to its sockets, until a writer came.
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return error(EXIT_DATA, "%s: cannot be opened: %s", path, strerror(errno));
    *recording = recording_new(fd, path, true, false);
    return 0;
}

static int damaged(const struct recording *recording, const char *what) {
    return error(EXIT_DATA, "%s: at byte %" PRId64 ": %s", recording->path, recording->offset, what);
}

// Reads up to `size` bytes; less only at the end of the file. 0, what the wait returned, or -EXIT_DATA.
static int read_some(struct recording *recording, void *bytes, size_t size, size_t *got) {
    for (*got = 0; *got < size;) {
        int status = await(recording, POLLIN);
        if (status) return status;
        ssize_t count = read(recording->fd, (char *)bytes + *got, size - *got);
        if (count == 0) break;
        if (count < 0 && errno != EINTR && errno != EAGAIN) return damaged(recording, strerror(errno));
        if (count < 0) continue;
        *got += (size_t)count;
        recording->offset += count;
    }
    return 0;
}

static int read_exactly(struct recording *recording, void *bytes, size_t size) {
    size_t got;
    int status = read_some(recording, bytes, size, &got);
    if (status) return status;
    return got == size ? 0 : damaged(recording, "the recording is cut");
}

static int read_magic(struct recording *recording) {
    char bytes[sizeof magic];
    if (recording->begun) return 0;
    int status = read_exactly(recording, bytes, sizeof bytes);
    if (status) return status;
    if (memcmp(bytes, magic, sizeof magic) != 0) return damaged(recording, "this is no recording of cocaflow's");
    recording->begun = true;
    return 0;
}

// A payload of `bytes`, which a pipe's header may only claim: room grows as they come.
static int read_payload(struct recording *recording, size_t bytes, void **payload) {
    size_t room = bytes, done = 0;
    *payload = NULL;
    if (recording->regular && (int64_t)bytes > recording->size - recording->offset)
        return damaged(recording, "a tensor is longer than the rest of the file");
    if (!recording->regular && room > PAYLOAD_AT_ONCE) room = PAYLOAD_AT_ONCE;
    *payload = xaligned(room);
    for (;;) {
        int status = read_exactly(recording, (char *)*payload + done, room - done);
        if (status) {
            free(*payload);
            return status;
        }
        if (room == bytes) return 0;
        done = room;
        room = bytes - room < room ? bytes : 2 * room;
        void *larger = xaligned(room);
        memcpy(larger, *payload, done);
        free(*payload);
        *payload = larger;
    }
}

static int read_header(struct recording *recording, struct message *message, int64_t lengths[WIRE_TENSORS]) {
    unsigned char prefix[4];
    char reason[WIRE_REASON];
    size_t got;
    int status = read_some(recording, prefix, sizeof prefix, &got);
    if (status) return status;
    if (got == 0) return damaged(recording, "the recording is cut: it stops without `end`");
    if (got < sizeof prefix) return damaged(recording, "the recording is cut");
    uint32_t size = prefix[0] | (uint32_t)prefix[1] << 8 | (uint32_t)prefix[2] << 16 | (uint32_t)prefix[3] << 24;
    if (size > WIRE_HEADER_LIMIT) return damaged(recording, "a header is too long");
    char *header = xmalloc(size);
    status = read_exactly(recording, header, size);
    if (status == 0 && message_decode_header(message, lengths, header, size, reason))
        status = damaged(recording, reason);
    free(header);
    for (int i = 0; i < message->tensor_count && status == 0; i++)
        if (message->shared[i]) status = damaged(recording, "a tensor lies in another process's memory");
    return status;
}

static int read_message(struct recording *recording, struct message *message) {
    int64_t lengths[WIRE_TENSORS];
    int status = read_header(recording, message, lengths);
    for (int i = 0; i < message->tensor_count && status == 0; i++) {
        void *payload;
        status = read_payload(recording, (size_t)lengths[i], &payload);
        if (status == 0) storage_own(message, payload, (size_t)lengths[i]);
    }
    if (status) return status;
    if (message->unit.step < 0) return 0;
    if (message->unit.step < recording->step) return damaged(recording, "a step comes after a later one");
    recording->step = message->unit.step;
    return 0;
}

int recording_read(struct recording *recording, struct message **message) {
    *message = NULL;
    int status = read_magic(recording);
    if (status) return status;
    *message = message_new(MESSAGE_END, (struct unit){0});
    status = read_message(recording, *message);
    if (status || (*message)->kind == MESSAGE_END) message_free(message);
    return status;
}

// --- Writing

// Empties a file that was opened for writing, unless another process writes it: two would spoil it silently.
static int claim_file(int fd, const char *path) {
    struct stat about;
    if (fstat(fd, &about) || !S_ISREG(about.st_mode)) return 0;
    if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        return error(EXIT_USAGE, "%s is being recorded by another process: give each a file of its own", path);
    return ftruncate(fd, 0) ? error(EXIT_RUN, "%s: cannot be emptied: %s", path, strerror(errno)) : 0;
}

int recording_create(struct recording **recording, const char *path) {
    bool standard = strcmp(path, "-") == 0;
    if (standard && isatty(STDOUT_FILENO))
        return error(EXIT_USAGE, "stdout is a terminal; send the recording to a file or pipe, or `| coca-tap watch -`");
    int fd = standard ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return error(EXIT_RUN, "%s: cannot be written: %s", path, strerror(errno));
    int status = standard ? 0 : claim_file(fd, path);
    if (status) {
        close(fd);
        return status;
    }
    *recording = recording_new(fd, standard ? "stdout" : path, !standard, true);
    return 0;
}

static int write_failed(const struct recording *recording) {
    if (errno == EPIPE) return RECORDING_BROKEN;
    return error(EXIT_RUN, "%s: cannot write after %" PRId64 " bytes: %s", recording->path, recording->offset,
                 strerror(errno));
}

static int write_all(struct recording *recording, const void *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        size_t chunk = recording->regular || size - done < PIPE_CHUNK ? size - done : PIPE_CHUNK;
        int status = await(recording, POLLOUT);
        if (status < 0) return status;
        ssize_t count = write(recording->fd, (const char *)bytes + done, chunk);
        if (count < 0 && errno != EINTR && errno != EAGAIN) return write_failed(recording);
        if (count < 0) continue;
        done += (size_t)count;
        recording->offset += count;
    }
    return 0;
}

static int refuse_shared(const char *path, const struct message *message) {
    for (int i = 0; i < message->tensor_count; i++)
        if (message->shared[i])
            return error(EXIT_USAGE,
                         "%s: tensor '%s' lies in shared memory, which a recording cannot hold; give --transport "
                         "frames to %s",
                         path, message->tensor[i].name, message->from);
    return 0;
}

int recording_write(struct recording *recording, const struct message *message) {
    struct buffer head = {0};
    if (!recording->failure) recording->failure = refuse_shared(recording->path, message);
    if (recording->failure) return recording->failure;
    if (!recording->begun) buffer_append(&head, magic, sizeof magic);
    recording->begun = true;
    size_t start = head.size;
    buffer_append(&head, "\0\0\0\0", 4);
    message_encode_header(message, &head);
    size_t size = head.size - start - 4;
    for (int i = 0; i < 4; i++) head.bytes[start + (size_t)i] = (char)(size >> 8 * i);
    int status = write_all(recording, head.bytes, head.size);
    buffer_release(&head);
    for (int i = 0; i < message->tensor_count && status == 0; i++)
        status = write_all(recording, message->tensor[i].data, (size_t)tensor_bytes(&message->tensor[i]));
    recording->failure = status;
    return status;
}

// A disk elsewhere may say only here that it is full.
static int close_written(struct recording *recording) {
    const bool failed = recording->owned && close(recording->fd);
    recording->owned = false;
    return failed ? write_failed(recording) : 0;
}

int recording_close(struct recording **recording) {
    int status = 0;
    if ((*recording)->writing) {
        struct message *end = message_new(MESSAGE_END, (struct unit){.step = -1, .microbatch = -1});
        status = recording_write(*recording, end);
        message_free(&end);
        if (!status) status = close_written(*recording);
    }
    recording_free(recording);
    return status;
}

void recording_abandon(struct recording **recording) {
    recording_free(recording);
}
