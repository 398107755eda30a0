// Requests by libcurl, driven from the reader's side: nothing is received while nobody reads, so a slow reader is never
// taken for a stalled server, and a request to stop ends each wait soon.
#include <curl/curl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "remote/backend.h"

enum { HELD_BYTES = 2 * CURL_MAX_WRITE_SIZE * 16, RECEIVE_BYTES = 256 << 10, WAIT_MS = 50, REASON = 512 };

struct session {
    CURLM *multi;
    CURL *easy;
    struct curl_slist *header;
    const struct remote_request *request; // NULL: none under way
    struct remote_answer *answer;         // NULL behind its headers
    char bytes[HELD_BYTES];               // received, [from, to) not read yet
    size_t from, to;
    bool paused, done;
    CURLcode result;
    int64_t moved, sent; // bytes received or sent, by which progress is seen; of the file
    char text[CURL_ERROR_SIZE], reason[REASON];
};

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static size_t on_bytes(char *bytes, size_t one, size_t size, void *context) {
    struct session *self = context;
    (void)one;
    if (self->from) {
        memmove(self->bytes, self->bytes + self->from, self->to - self->from);
        self->to -= self->from;
        self->from = 0;
    }
    if (size > HELD_BYTES - self->to) {
        self->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    memcpy(self->bytes + self->to, bytes, size);
    self->to += size;
    self->moved += (int64_t)size;
    return size;
}

static size_t on_upload(char *bytes, size_t one, size_t size, void *context) {
    struct session *self = context;
    const int64_t left = self->request->upload_bytes - self->sent;
    size *= one;
    if ((int64_t)size > left) size = (size_t)left;
    const ssize_t got = pread(self->request->upload, bytes, size, self->sent);
    if (got < 0 || (got == 0 && size)) return CURL_READFUNC_ABORT;
    self->sent += got;
    self->moved += got;
    return (size_t)got;
}

static int on_rewind(void *context, curl_off_t offset, int origin) {
    struct session *self = context;
    if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
    self->sent = offset;
    return CURL_SEEKFUNC_OK;
}

// The value of a header line called `name`, without blanks around it, in `value`; "" where it is too long.
static bool header_is(const char *line, size_t size, const char *name, char *value, size_t room) {
    const size_t length = strlen(name);
    if (size <= length || line[length] != ':' || strncasecmp(line, name, length)) return false;
    const char *begin = line + length + 1, *end = line + size;
    while (begin < end && (*begin == ' ' || *begin == '\t')) begin++;
    while (end > begin && strchr(" \t\r\n", end[-1])) end--;
    const size_t taken = (size_t)(end - begin) < room ? (size_t)(end - begin) : 0;
    memcpy(value, begin, taken);
    value[taken] = 0;
    return true;
}

static int64_t number(const char *text) {
    char *end;
    const long long value = strtoll(text, &end, 10);
    return end == text || value < 0 ? -1 : value;
}

// "bytes FIRST-LAST/TOTAL" or "bytes */TOTAL"; the length says LAST.
static void read_range(struct remote_answer *answer, const char *value) {
    const char *slash = strchr(value, '/');
    if (strncasecmp(value, "bytes ", 6) || !slash) return;
    answer->first = number(value + 6);
    answer->total = number(slash + 1);
}

static size_t on_header(char *line, size_t one, size_t size, void *context) {
    struct session *self = context;
    struct remote_answer *answer = self->answer;
    char value[REMOTE_TAG], modified[REMOTE_TAG];
    (void)one;
    self->moved += (int64_t)size;
    if (!answer) return size;
    if (size > 5 && !strncmp(line, "HTTP/", 5))
        *answer = (struct remote_answer){.length = -1, .first = -1, .total = -1}; // also behind a redirect
    else if (header_is(line, size, "ETag", value, sizeof value))
        memcpy(answer->tag, value, sizeof value);
    else if (header_is(line, size, "Last-Modified", modified, sizeof modified) && !*answer->tag)
        memcpy(answer->tag, modified, sizeof modified);
    else if (header_is(line, size, "Content-Length", value, sizeof value))
        answer->length = number(value);
    else if (header_is(line, size, "Content-Range", value, sizeof value))
        read_range(answer, value);
    else
        header_is(line, size, "x-amz-bucket-region", answer->region, sizeof answer->region);
    return size;
}

static void *session_open(void) {
    struct session *self = calloc(1, sizeof *self);
    if (!self) return NULL;
    self->multi = curl_multi_init();
    self->easy = curl_easy_init();
    if (self->multi && self->easy) return self;
    if (self->easy) curl_easy_cleanup(self->easy);
    if (self->multi) curl_multi_cleanup(self->multi);
    free(self);
    return NULL;
}

static void session_end(void *state) {
    struct session *self = state;
    if (!self->request) return;
    curl_multi_remove_handle(self->multi, self->easy);
    curl_slist_free_all(self->header);
    self->header = NULL;
    self->request = NULL;
    self->answer = NULL;
}

static void session_close(void *state) {
    struct session *self = state;
    session_end(self);
    curl_easy_cleanup(self->easy);
    curl_multi_cleanup(self->multi);
    free(self);
}

static const char *session_reason(const void *state) {
    return ((const struct session *)state)->reason;
}

static enum remote_outcome outcome_of(CURLcode result) {
    switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return REMOTE_NO_HOST;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_ABORTED_BY_CALLBACK:
    case CURLE_OUT_OF_MEMORY: return REMOTE_FINAL;
    default: return REMOTE_PASSING;
    }
}

static int fail(struct session *self, enum remote_outcome outcome, const char *text) {
    snprintf(self->reason, sizeof self->reason, "%s", text);
    return -(int)outcome;
}

static int stall(struct session *self) {
    char text[REASON];
    snprintf(text, sizeof text, "no byte for %g s", self->request->stall_seconds);
    return fail(self, REMOTE_PASSING, text);
}

static void look_for_end(struct session *self) {
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(self->multi, &left));)
        if (message->msg == CURLMSG_DONE) {
            self->done = true;
            self->result = message->data.result;
        }
}

// Moves on by what is there, or waits for it a little. 0 or -outcome
static int step(struct session *self, double *since) {
    const int64_t before = self->moved;
    int running;
    if (self->paused && self->from == self->to) {
        self->paused = false;
        curl_easy_pause(self->easy, CURLPAUSE_CONT);
    }
    if (curl_multi_perform(self->multi, &running)) return fail(self, REMOTE_PASSING, "libcurl failed");
    look_for_end(self);
    if (self->moved != before) *since = seconds();
    if (self->done || self->to > self->from) return 0;
    if (self->request->stopped && self->request->stopped()) return fail(self, REMOTE_STOPPED, "stopped");
    if (seconds() - *since > self->request->stall_seconds) return stall(self);
    if (self->moved == before) curl_multi_poll(self->multi, NULL, 0, WAIT_MS, NULL);
    return 0;
}

// Until there are bytes of the body, or its end.
static int await(struct session *self) {
    double since = seconds();
    while (self->from == self->to && !self->done) {
        const int status = step(self, &since);
        if (status) return status;
    }
    if (self->from < self->to || self->result == CURLE_OK) return 0;
    return fail(self, outcome_of(self->result), *self->text ? self->text : curl_easy_strerror(self->result));
}

// AWS's own variable is for what is asked of S3.
static const char *certificates(bool of_s3) {
    static const char *const names[] = {"AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"};
    for (size_t i = of_s3 ? 0 : 1; i < sizeof names / sizeof *names; i++)
        if (getenv(names[i]) && *getenv(names[i])) return getenv(names[i]);
    return NULL;
}

static void set_manners(struct session *self) {
    curl_easy_reset(self->easy); // connections stay
    curl_easy_setopt(self->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(self->easy, CURLOPT_ERRORBUFFER, self->text);
    curl_easy_setopt(self->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(self->easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
    curl_easy_setopt(self->easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(self->easy, CURLOPT_USERAGENT, "cocaflow");
    curl_easy_setopt(self->easy, CURLOPT_HTTP_CONTENT_DECODING, 0L); // bytes as they are stored
    curl_easy_setopt(self->easy, CURLOPT_PATH_AS_IS, 1L);            // ".." is a key's own affair
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(self->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(self->easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(self->easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
    curl_easy_setopt(self->easy, CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    const char *file = certificates(self->request->sigv4);
    if (file) curl_easy_setopt(self->easy, CURLOPT_CAINFO, file);
}

static void set_callbacks(struct session *self) {
    curl_easy_setopt(self->easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(self->easy, CURLOPT_WRITEDATA, self);
    curl_easy_setopt(self->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(self->easy, CURLOPT_HEADERDATA, self);
    curl_easy_setopt(self->easy, CURLOPT_READFUNCTION, on_upload);
    curl_easy_setopt(self->easy, CURLOPT_READDATA, self);
    curl_easy_setopt(self->easy, CURLOPT_SEEKFUNCTION, on_rewind);
    curl_easy_setopt(self->easy, CURLOPT_SEEKDATA, self);
}

static void set_request(struct session *self, const struct remote_request *request) {
    for (const char *const *line = request->header; line && *line; line++)
        self->header = curl_slist_append(self->header, *line);
    curl_easy_setopt(self->easy, CURLOPT_HTTPHEADER, self->header);
    curl_easy_setopt(self->easy, CURLOPT_URL, request->url);
    curl_easy_setopt(self->easy, CURLOPT_FOLLOWLOCATION, request->follow ? 1L : 0L);
    curl_easy_setopt(self->easy, CURLOPT_MAXREDIRS, 10L);
    curl_easy_setopt(self->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(request->connect_seconds * 1000) + 1);
    if (!strcmp(request->method, "HEAD")) curl_easy_setopt(self->easy, CURLOPT_NOBODY, 1L);
    if (!strcmp(request->method, "PUT")) {
        curl_easy_setopt(self->easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(self->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->upload_bytes);
    }
    if (!request->sigv4) return;
    curl_easy_setopt(self->easy, CURLOPT_AWS_SIGV4, request->sigv4);
    curl_easy_setopt(self->easy, CURLOPT_USERNAME, request->key_id);
    curl_easy_setopt(self->easy, CURLOPT_PASSWORD, request->secret);
}

// Older ones leave out the headers that S3 wants signed.
static bool signs_for_s3(void) {
    return curl_version_info(CURLVERSION_NOW)->version_num >= 0x075800;
}

static int session_begin(void *state, const struct remote_request *request, struct remote_answer *answer) {
    struct session *self = state;
    long status = 0;
    session_end(self);
    *answer = (struct remote_answer){.length = -1, .first = -1, .total = -1};
    self->request = request;
    self->answer = answer;
    self->from = self->to = 0;
    self->paused = self->done = false;
    self->sent = 0;
    *self->text = 0;
    if (request->sigv4 && !signs_for_s3())
        return fail(self, REMOTE_FINAL, "this libcurl does not sign as S3 asks; 7.88 or newer does");
    set_manners(self);
    set_callbacks(self);
    set_request(self, request);
    if (curl_multi_add_handle(self->multi, self->easy)) return fail(self, REMOTE_FINAL, "libcurl failed");
    const int outcome = await(self);
    self->answer = NULL;
    if (outcome) return outcome;
    curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    return 0;
}

static ssize_t session_read(void *state, void *bytes, size_t size) {
    struct session *self = state;
    const int outcome = await(self);
    if (outcome) return outcome;
    if (size > self->to - self->from) size = self->to - self->from;
    memcpy(bytes, self->bytes + self->from, size);
    self->from += size;
    return (ssize_t)size;
}

__attribute__((constructor)) static void begin_curl(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

__attribute__((visibility("default"))) const struct remote_backend remote_backend = {
    .size = REMOTE_BACKEND_SIZE,
    .open = session_open,
    .begin = session_begin,
    .read = session_read,
    .reason = session_reason,
    .end = session_end,
    .close = session_close,
};
