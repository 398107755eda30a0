// Addresses of edges, parsed and checked before a socket or a file is opened, so that the error names the option. Also
// keeps a bind from stealing a living process's ipc socket, which libzmq would do silently.
#include "wire/endpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/text.h"

#define IPC "ipc://"
#define TCP "tcp://"
#define FILE_PREFIX "file:"

static int parse_ipc(struct endpoint *endpoint, const char *edge, const char *text) {
    const size_t limit = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    size_t length = strlen(text + strlen(IPC));
    if (length == 0) return error(EXIT_USAGE, "--%s %s: the path is missing", edge, text);
    if (length > limit)
        return error(EXIT_USAGE,
                     "--%s %s: a socket's path holds %zu bytes, this has %zu; make it relative to --run-dir", edge,
                     text, limit, length);
    endpoint->kind = ENDPOINT_IPC;
    return 0;
}

static int parse_tcp(struct endpoint *endpoint, const char *edge, const char *text) {
    const char *host = text + strlen(TCP), *colon = strrchr(host, ':');
    char *end;
    long port = colon ? strtol(colon + 1, &end, 10) : 0;
    if (!colon || colon == host || port < 1 || port > 65535 || *end)
        return error(EXIT_USAGE, "--%s %s: a tcp address is tcp://HOST:PORT, with a port of 1 to 65535", edge, text);
    endpoint->kind = ENDPOINT_TCP;
    endpoint->loopback = text_begins(host, "127.") || text_begins(host, "localhost:");
    return 0;
}

int endpoint_parse(struct endpoint *endpoint, const char *edge, const char *text) {
    *endpoint = (struct endpoint){.address = text};
    if (text_begins(text, IPC)) return parse_ipc(endpoint, edge, text);
    if (text_begins(text, TCP)) return parse_tcp(endpoint, edge, text);
    if (strcmp(text, "-") == 0) {
        endpoint->kind = ENDPOINT_STREAM;
        return 0;
    }
    if (!text_begins(text, FILE_PREFIX) || !text[strlen(FILE_PREFIX)])
        return error(EXIT_USAGE, "--%s %s: an address is ipc://PATH, tcp://HOST:PORT, file:PATH or -", edge, text);
    endpoint->kind = ENDPOINT_FILE;
    endpoint->address = text + strlen(FILE_PREFIX);
    return 0;
}

static bool somebody_listens(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    memcpy(address.sun_path, path, strlen(path) + 1);
    bool listens = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return listens;
}

int endpoint_claim(const struct endpoint *endpoint, const char *edge) {
    const char *path = endpoint->address + strlen(IPC);
    struct stat status;
    if (endpoint->kind != ENDPOINT_IPC || lstat(path, &status)) return 0;
    if (!S_ISSOCK(status.st_mode)) return error(EXIT_USAGE, "--%s: %s exists and is no socket", edge, path);
    if (somebody_listens(path))
        return error(EXIT_USAGE, "--%s: %s is in use by a running process; end it, or choose another path", edge, path);
    if (unlink(path) && errno != ENOENT)
        return error(EXIT_USAGE, "--%s: %s is left over and cannot be removed: %s", edge, path, strerror(errno));
    return 0;
}
