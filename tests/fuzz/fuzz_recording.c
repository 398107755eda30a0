// Any bytes, as a file and through a pipe, are read to the same end.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "wire/recording.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PIPE_HOLDS = 60000 }; // bytes, without a reader

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    stderr = fopen("/dev/null", "w"); // every refusal is reported
    return 0;
}

struct outcome {
    int status, messages;
};

static struct outcome read_all(int fd) {
    struct outcome outcome = {0};
    struct recording *recording;
    struct message *message;
    recording_open_fd(&recording, fd, "input");
    while ((outcome.status = recording_read(recording, &message)) == 0 && message) {
        outcome.messages++;
        message_free(&message);
    }
    recording_abandon(&recording);
    close(fd);
    return outcome;
}

static int file_of(const uint8_t *data, size_t size) {
    int fd = memfd_create("input", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET)) abort();
    return fd;
}

static int pipe_of(const uint8_t *data, size_t size) {
    int ends[2];
    if (pipe(ends) || write(ends[1], data, size) != (ssize_t)size) abort();
    close(ends[1]);
    return ends[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct outcome file = read_all(file_of(data, size));
    if (size > PIPE_HOLDS) return 0;
    struct outcome piped = read_all(pipe_of(data, size));
    if (file.status != piped.status || file.messages != piped.messages) abort();
    return 0;
}
