// A picture file of path mode, read whole. Paths are a user's, so anything may be behind them: what is no picture file
// is a reason, which drops the sample, and never stops the worker. coca-decode calls it and has image/ decode the
// bytes.
#include "picture_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fail.h"

static int refuse(char reason[PICTURE_REASON], const char *why) {
    snprintf(reason, PICTURE_REASON, "%s", why);
    return -EXIT_DATA;
}

// Reads as many bytes as the file had when it was looked at.
static int read_all(int fd, struct buffer *bytes, size_t size, char reason[PICTURE_REASON]) {
    buffer_clear(bytes);
    buffer_reserve(bytes, size);
    while (bytes->size < size) {
        ssize_t got = read(fd, bytes->bytes + bytes->size, size - bytes->size);
        if (got < 0) return refuse(reason, strerror(errno));
        if (got == 0) return refuse(reason, "the file was cut while it was read");
        bytes->size += (size_t)got;
    }
    return 0;
}

static int read_open(int fd, struct buffer *bytes, char reason[PICTURE_REASON]) {
    struct stat about;
    if (fstat(fd, &about)) return refuse(reason, strerror(errno));
    if (!S_ISREG(about.st_mode)) return refuse(reason, "not a file");
    if (about.st_size == 0) return refuse(reason, "the file is empty");
    if (about.st_size > PICTURE_BYTES_LIMIT) return refuse(reason, "the file has more than 256 MiB");
    return read_all(fd, bytes, (size_t)about.st_size, reason);
}

int picture_file_read(const char *path, struct buffer *bytes, char reason[PICTURE_REASON]) {
    // Without O_NONBLOCK a FIFO would stop the process here.
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return refuse(reason, strerror(errno));
    int status = read_open(fd, bytes, reason);
    close(fd);
    return status;
}
