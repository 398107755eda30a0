// Files that become objects.
#include "base/file.h"
#include "remote/server.h"

int object_put(const char *url, const char *path, const struct remote_options *options) {
    const struct remote_options chosen = options ? *options : REMOTE_DEFAULTS;
    struct failure failure;
    switch (object_kind_of(url)) {
    case OBJECT_FILE: return file_copy(path, url);
    case OBJECT_PIPE: return error(EXIT_DATA, "%s: a command is only read; name a path or a server", url);
    default: return server_put(url, path, &chosen, &failure) ? failure_report(&failure) : 0;
    }
}
