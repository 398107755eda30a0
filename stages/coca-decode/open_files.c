// The file that was not read for the longest is closed for the next one. Paths and stretches are a list's, so anything
// may be behind them; a reason comes back as from dataset/load.c.
#include "open_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataset/load.h"

static void close_one(struct open_file *file) {
    if (!file->path) return;
    close(file->descriptor);
    free(file->path);
    *file = (struct open_file){.path = NULL};
}

void open_files_close(struct open_files *files) {
    for (int i = 0; i < OPEN_FILES; i++) close_one(&files->file[i]);
}

// The one that is open, or the place for it.
static struct open_file *find(struct open_files *files, const char *path) {
    struct open_file *oldest = files->file;
    for (struct open_file *file = files->file; file < files->file + OPEN_FILES; file++) {
        if (file->path && !strcmp(file->path, path)) return file;
        if (file->used < oldest->used) oldest = file;
    }
    close_one(oldest);
    return oldest;
}

static char *open_one(struct open_file *file, const char *path) {
    // Without O_NONBLOCK a FIFO would stop the process here.
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return xformat("cannot be opened: %s", strerror(errno));
    *file = (struct open_file){xstrdup(path), descriptor, 0};
    return NULL;
}

static char *check(int descriptor, int64_t offset, int64_t length, size_t limit, const char *option) {
    struct stat about;
    if (fstat(descriptor, &about)) return xformat("cannot be read: %s", strerror(errno));
    if (!S_ISREG(about.st_mode)) return xstrdup("is not a file");
    if (offset > about.st_size || length > about.st_size - offset)
        return xformat("has %" PRId64 " bytes, not the %" PRId64 " from %" PRId64 " on that the list says",
                       (int64_t)about.st_size, length, offset);
    return (uint64_t)length > limit ? load_too_large((size_t)length, limit, option) : NULL;
}

static char *read_stretch(struct buffer *bytes, int descriptor, int64_t offset, size_t length) {
    buffer_reserve(bytes, length);
    while (bytes->size < length) {
        const ssize_t count =
            pread(descriptor, bytes->bytes + bytes->size, length - bytes->size, offset + (off_t)bytes->size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return xformat("cannot be read: %s", strerror(errno));
        if (!count) return xstrdup("shrank while it was read");
        bytes->size += (size_t)count;
    }
    bytes->bytes[length] = 0;
    return NULL;
}

char *open_files_read(struct open_files *files, struct buffer *bytes, const char *path, int64_t offset, int64_t length,
                      size_t limit, const char *option) {
    struct open_file *file = find(files, path);
    buffer_clear(bytes);
    char *defect = file->path ? NULL : open_one(file, path);
    if (defect) return defect;
    file->used = ++files->reads;
    defect = check(file->descriptor, offset, length, limit, option);
    if (!defect) defect = read_stretch(bytes, file->descriptor, offset, (size_t)length);
    if (!defect) return NULL;
    buffer_clear(bytes);
    close_one(file); // it may be whole again at the next read, under the same name
    return defect;
}
