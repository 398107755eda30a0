// A file that a list, a folder or a line of stdin names, for importers and for coca-decode. Such paths are a user's, so
// anything may be behind them. The caller knows whose picture it was, and that a sample is left out for it and nothing
// ends: so a reason in words comes back instead of a report.
#include "dataset/load.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// As many bytes as the file had when it was looked at: one that grows meanwhile is cut there, one that shrinks is a
// defect.
static char *read_all(struct buffer *bytes, int descriptor, size_t size) {
    buffer_reserve(bytes, size);
    while (bytes->size < size) {
        ssize_t count = read(descriptor, bytes->bytes + bytes->size, size - bytes->size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return xformat("cannot be read: %s", strerror(errno));
        if (!count) return xstrdup("shrank while it was read");
        bytes->size += (size_t)count;
    }
    bytes->bytes[size] = 0;
    return NULL;
}

char *load_too_large(size_t size, size_t limit, const char *option) {
    if (!option) return xformat("has %zu bytes, more than %zu", size, limit);
    return xformat("has %zu bytes, more than %zu (--%s)", size, limit, option);
}

// The descriptor is asked, not the path, which may by now be another file.
static char *read_file(struct buffer *bytes, int descriptor, size_t limit, const char *option) {
    struct stat about;
    if (fstat(descriptor, &about)) return xformat("cannot be read: %s", strerror(errno));
    if (!S_ISREG(about.st_mode)) return xstrdup("is not a file");
    if ((uint64_t)about.st_size > limit) return load_too_large((size_t)about.st_size, limit, option);
    return read_all(bytes, descriptor, (size_t)about.st_size);
}

char *load_file(struct buffer *bytes, const char *path, size_t limit, const char *option) {
    buffer_clear(bytes);
    // Without O_NONBLOCK a FIFO would stop the process here.
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return xformat("cannot be opened: %s", strerror(errno));
    char *defect = read_file(bytes, descriptor, limit, option);
    if (defect) buffer_clear(bytes);
    close(descriptor);
    return defect;
}
