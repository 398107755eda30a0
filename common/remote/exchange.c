// How objects' names become requests (s3:// with a signature), and statuses become words.
#include "remote/exchange.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { CONNECT_SECONDS = 20, BODY_LIMIT = 4096 };

#define HASH_OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// What no URL may hold is encoded; '%' is left, since the rest has been encoded by whoever wrote it.
static char *http_url(const char *text) {
    struct buffer url = {0};
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f)
            buffer_format(&url, "%%%02X", (unsigned char)*text);
        else
            buffer_append(&url, text, 1);
    return url.bytes;
}

static bool is_bucket(const char *name, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("-._", name[i])) return false;
    return size > 0;
}

static int s3_address(struct exchange *self, struct failure *failure) {
    const char *bucket = self->object + strlen("s3://"), *slash = strchr(bucket, '/');
    if (!slash || !slash[1] || !is_bucket(bucket, (size_t)(slash - bucket)))
        return failure_set(failure, EXIT_DATA, "%s: not the name of an object; write s3://BUCKET/KEY", self->object);
    aws_read(&self->aws);
    self->url = aws_url(&self->aws, bucket, (size_t)(slash - bucket), slash + 1);
    return 0;
}

// An unsigned request carries none of these headers.
static void sign(struct exchange *self) {
    if (!self->aws.key_id) return;
    const bool uploads = !strcmp(self->request.method, "PUT");
    self->sigv4 = xformat("aws:amz:%s:s3", self->aws.region);
    self->request.sigv4 = self->sigv4;
    self->request.key_id = self->aws.key_id;
    self->request.secret = self->aws.secret;
    strings_add_text(&self->header,
                     uploads ? "x-amz-content-sha256: UNSIGNED-PAYLOAD" : "x-amz-content-sha256: " HASH_OF_NOTHING);
    if (!self->aws.token) return;
    char *line = xformat("x-amz-security-token: %s", self->aws.token);
    strings_add_text(&self->header, line);
    free(line);
}

static void release(struct exchange *self) {
    aws_release(&self->aws);
    strings_release(&self->header);
    free(self->url);
    free(self->sigv4);
}

int exchange_prepare(struct exchange *self, const char *object, const char *method,
                     const struct remote_options *options, struct failure *failure) {
    *self = (struct exchange){.object = object, .options = options, .is_s3 = object_kind_of(object) == OBJECT_S3};
    self->request = (struct remote_request){.method = method,
                                            .upload = -1,
                                            .follow = !self->is_s3 && strcmp(method, "PUT"),
                                            .connect_seconds = CONNECT_SECONDS,
                                            .stall_seconds = options->stall_seconds,
                                            .stopped = options->stopped};
    if (self->request.connect_seconds > options->stall_seconds) self->request.connect_seconds = options->stall_seconds;
    int status = self->is_s3 ? s3_address(self, failure) : 0;
    if (!self->is_s3) self->url = http_url(object);
    if (self->is_s3 && !status) sign(self);
    if (!status) self->connection = connection_take(object, failure);
    if (!status && self->connection) return 0;
    release(self);
    return status ? status : -(int)failure->code;
}

void exchange_end(struct exchange *self) {
    connection_give(self->connection);
    self->connection = NULL;
    release(self);
}

static int failed(const struct exchange *self, enum remote_outcome outcome, struct failure *failure) {
    const char *reason = self->connection->backend->reason(self->connection->state);
    switch (outcome) {
    case REMOTE_STOPPED: return failure_stopped(failure, self->object);
    case REMOTE_FINAL: return failure_set(failure, EXIT_DATA, "%s: cannot be reached: %s", self->object, reason);
    default: failure_set(failure, EXIT_RUN, "%s", reason);
    }
    failure->passing = true;
    failure->no_host = outcome == REMOTE_NO_HOST;
    return -EXIT_RUN;
}

int exchange_begin(struct exchange *self, struct failure *failure) {
    const char **lines = xcalloc(self->header.count + 1, sizeof *lines);
    for (size_t i = 0; i < self->header.count; i++) lines[i] = self->header.item[i];
    self->request.url = self->url;
    self->request.header = lines;
    const int outcome = self->connection->backend->begin(self->connection->state, &self->request, &self->answer);
    self->request.header = NULL;
    free(lines);
    return outcome ? failed(self, (enum remote_outcome) - outcome, failure) : 0;
}

ssize_t exchange_read(struct exchange *self, void *bytes, size_t size, struct failure *failure) {
    const ssize_t got = self->connection->backend->read(self->connection->state, bytes, size);
    return got < 0 ? failed(self, (enum remote_outcome) - got, failure) : got;
}

// " AccessDenied: Access Denied" of the body's XML, where S3 sends one.
static void add_part(struct buffer *words, const char *body, const char *before, const char *element) {
    const char *begin = strstr(body, element), *end = begin ? strchr(begin, '<') : NULL;
    if (!end) return;
    begin += strlen(element);
    end = strchr(begin, '<');
    if (end) buffer_format(words, "%s%.*s", before, (int)(end - begin), begin);
}

static void add_words(struct exchange *self, struct buffer *words) {
    char body[BODY_LIMIT + 1];
    size_t size = 0;
    struct failure ignored;
    buffer_format(words, "answered %d", self->answer.status);
    if (!self->is_s3) return;
    for (ssize_t got; size < BODY_LIMIT && (got = exchange_read(self, body + size, BODY_LIMIT - size, &ignored)) > 0;)
        size += (size_t)got;
    body[size] = 0;
    add_part(words, body, " ", "<Code>");
    add_part(words, body, ": ", "<Message>");
}

static void add_keys(const struct exchange *self, struct buffer *words) {
    if (!self->is_s3)
        buffer_text(words, "; is it public, or does its address lack something?");
    else if (self->aws.key_id)
        buffer_format(words, "; asked with the key %.4s… of %s, region %s; check them, and that the object is there",
                      self->aws.key_id, self->aws.from, self->aws.region);
    else
        buffer_text(words, "; asked without keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE");
}

static bool passes(int status) {
    return status == 408 || status == 425 || status == 429 || (status >= 500 && status != 501 && status != 505);
}

int exchange_refusal(struct exchange *self, struct failure *failure) {
    const int status = self->answer.status;
    struct buffer words = {0};
    add_words(self, &words);
    int code;
    if (passes(status))
        code = failure_set(failure, EXIT_RUN, "%s", words.bytes);
    else if (status == 404 || status == 410)
        code = failure_set(failure, EXIT_DATA, "%s: is not there (%s); restore it, or index again without it",
                           self->object, words.bytes);
    else if (status == 401 || status == 403) {
        add_keys(self, &words);
        code = failure_set(failure, EXIT_DATA, "%s: refused: %s", self->object, words.bytes);
    } else if (*self->answer.region && strcmp(self->answer.region, self->aws.region ? self->aws.region : ""))
        code = failure_set(failure, EXIT_DATA, "%s: %s; its bucket is in another region: set AWS_REGION=%s",
                           self->object, words.bytes, self->answer.region);
    else
        code = failure_set(failure, EXIT_DATA, "%s: cannot be had: %s", self->object, words.bytes);
    failure->passing = passes(status);
    buffer_release(&words);
    return code;
}
