// Files that become objects.
#include "base/file.h"
#include "remote/failure.h"

int object_put(const char *url, const char *path, const struct remote_options *options) {
    (void)options;
    switch (object_kind_of(url)) {
    case OBJECT_FILE: return file_copy(path, url);
    case OBJECT_PIPE: return error(EXIT_DATA, "%s: a command is only read; name a path or a server", url);
    default: return error(EXIT_USAGE, "%s: servers are not reached yet", url);
    }
}
