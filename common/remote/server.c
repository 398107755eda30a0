// Questions about objects on servers, and files that become some.
#include "remote/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "remote/attempts.h"
#include "remote/exchange.h"
#include "remote/local.h"

static const int64_t PUT_LIMIT = 5LL << 30; // of S3 for one request

static void learn(struct object *object, const struct remote_answer *answer) {
    object->bytes = answer->status == 200 ? answer->length : answer->total;
    object->tag = *answer->tag ? xstrdup(answer->tag) : NULL;
}

// Asks by HEAD; where a server has none, or an address is signed for GET alone, by GET of the first byte.
static int ask(struct object *object, const char *method, const struct remote_options *options, bool *there,
               struct failure *failure) {
    struct exchange exchange;
    int status = exchange_prepare(&exchange, object->url, method, options, failure);
    if (status) return status;
    const bool heads = !strcmp(method, "HEAD");
    if (!heads) strings_add_text(&exchange.header, "Range: bytes=0-0");
    status = exchange_begin(&exchange, failure);
    const int answer = status ? 0 : exchange.answer.status;
    *there = answer != 404 && answer != 410;
    const bool elsewhere = heads && (answer == 405 || answer == 501 || (answer == 403 && !exchange.is_s3));
    if (answer == 200 || answer == 206 || (answer == 416 && !heads))
        learn(object, &exchange.answer);
    else if (answer && *there && !elsewhere)
        status = exchange_refusal(&exchange, failure);
    exchange_end(&exchange);
    return elsewhere ? ask(object, "GET", options, there, failure) : status;
}

// A name that has no address is not asked for again: it is likely to be a wrong one.
int server_look(struct object *object, const struct remote_options *options, bool *there, struct failure *failure) {
    struct attempts attempts = {0};
    int status;
    while ((status = ask(object, "HEAD", options, there, failure))) {
        if (failure->no_host) {
            char *reason = xstrdup(failure->text);
            status = failure_set(failure, EXIT_DATA, "%s: %s; check the name", object->url, reason);
            free(reason);
            return status;
        }
        status = attempts_again(&attempts, options, object->url, failure);
        if (status) return status;
    }
    return 0;
}

static int put_once(const char *url, int fd, int64_t bytes, const struct remote_options *options,
                    struct failure *failure) {
    struct exchange exchange;
    int status = exchange_prepare(&exchange, url, "PUT", options, failure);
    if (status) return status;
    exchange.request.upload = fd;
    exchange.request.upload_bytes = bytes;
    status = exchange_begin(&exchange, failure);
    if (!status && exchange.answer.status / 100 != 2) status = exchange_refusal(&exchange, failure);
    char rest[512];
    while (!status && exchange_read(&exchange, rest, sizeof rest, failure) > 0) continue;
    exchange_end(&exchange);
    return status;
}

int server_put(const char *url, const char *path, const struct remote_options *options, struct failure *failure) {
    struct attempts attempts = {0};
    struct stat info;
    const int fd = local_open(path, failure);
    if (fd < 0) return fd;
    int status = fstat(fd, &info) ? failure_set(failure, EXIT_RUN, "%s: cannot be read: %s", path, strerror(errno)) : 0;
    if (!status && info.st_size > PUT_LIMIT)
        status = failure_set(failure, EXIT_DATA,
                             "%s: %lld bytes are more than the 5 GiB that one request may bring to %s; make smaller "
                             "shards",
                             path, (long long)info.st_size, url);
    while (!status && (status = put_once(url, fd, info.st_size, options, failure)))
        if ((status = attempts_again(&attempts, options, url, failure))) break;
    close(fd);
    return status;
}
