// Bytes of an object from its server, over as many requests as it takes. Each answer is held to the object that is
// known, or that the first answer was of: by its tag and its length. Where an answer has no tag there is no telling
// whether what follows a cut is of the same object: then all is asked for again, and what was had before is compared by
// its hash.
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "remote/attempts.h"
#include "remote/exchange.h"
#include "remote/server.h"

struct download {
    struct source base;
    struct exchange exchange;
    bool begun, ended;
    int64_t from, to, at; // [from, to) is wanted, to −1: all there is; at: behind what was handed out
    int64_t place;        // of the answer's next byte in the object
    struct object is;     // what is known of it, by the caller or from answers; url borrowed
    struct hash_stream had, again;
    struct attempts attempts;
    int64_t moved; // bytes since the last failure
};

enum { PROGRESS = 1 << 20 }; // bytes that make a failure the first one again

static const char *url_of(const struct download *self) {
    return self->base.known->url;
}

static void add_condition(struct exchange *exchange, const char *tag) {
    const char *name = *tag == '"' ? "If-Match" : text_ends(tag, " GMT") ? "If-Unmodified-Since" : NULL;
    if (!name) return; // a weak tag never matches
    char *line = xformat("%s: %s", name, tag);
    strings_add_text(&exchange->header, line);
    free(line);
}

// All where nothing is left out, since a server that knows no ranges, or an empty object, then has no objection.
static void add_range(struct download *self) {
    const int64_t from = self->is.tag ? self->at : self->from;
    if (!from && self->to < 0) return;
    struct buffer line = {0};
    buffer_format(&line, "Range: bytes=%lld-", (long long)from);
    if (self->to >= 0) buffer_format(&line, "%lld", (long long)self->to - 1);
    strings_add_text(&self->exchange.header, line.bytes);
    buffer_release(&line);
}

// Learns what is not known yet, and refuses what is known otherwise.
static int compare(struct download *self, int64_t total, struct failure *failure) {
    struct object *is = &self->is;
    const char *tag = *self->exchange.answer.tag ? self->exchange.answer.tag : NULL;
    if ((is->tag && (!tag || strcmp(is->tag, tag))) || (is->bytes >= 0 && total >= 0 && is->bytes != total))
        return failure_changed(failure, is, total, tag);
    if (!is->tag && tag && self->at == self->from) is->tag = xstrdup(tag);
    if (is->bytes < 0) is->bytes = total;
    return 0;
}

static int take_answer(struct download *self, struct failure *failure) {
    const struct remote_answer *answer = &self->exchange.answer;
    switch (answer->status) {
    case 200: self->place = 0; return compare(self, answer->length, failure);
    case 206:
        self->place = answer->first;
        if (answer->first < 0 || answer->first > self->at || answer->first < (self->is.tag ? self->at : self->from))
            return failure_set(
                failure, EXIT_DATA,
                "%s: its server answers with other bytes (from %lld on) than it is asked for (from %lld); "
                "use another server, or a cache with whole objects",
                url_of(self), (long long)answer->first, (long long)self->at);
        return compare(self, answer->total, failure);
    case 412: return failure_changed(failure, &self->is, -1, *answer->tag ? answer->tag : NULL);
    case 416:
        return failure_set(failure, EXIT_DATA, "%s: ends before byte %lld (it has %lld); restore it, or index again",
                           url_of(self), (long long)self->at, (long long)answer->total);
    default: return exchange_refusal(&self->exchange, failure);
    }
}

static void end_exchange(struct download *self) {
    if (self->begun) exchange_end(&self->exchange);
    self->begun = false;
}

static int begin(struct download *self, struct failure *failure) {
    int status = exchange_prepare(&self->exchange, url_of(self), "GET", self->base.options, failure);
    if (status) return status;
    self->begun = true;
    hash_stream_begin(&self->again);
    if (self->is.tag) add_condition(&self->exchange, self->is.tag);
    add_range(self);
    status = exchange_begin(&self->exchange, failure);
    if (!status) status = take_answer(self, failure);
    return status;
}

static int cut(struct download *self, struct failure *failure) {
    failure_set(failure, EXIT_DATA, "its body ended at byte %lld of %lld", (long long)self->place,
                (long long)(self->to >= 0 ? self->to : self->is.bytes));
    failure->passing = true;
    return -EXIT_DATA;
}

// What was had before is hashed as it passes, and has to be what it was.
static int check_again(struct download *self, const char *bytes, size_t size, struct failure *failure) {
    const int64_t behind = self->place + (int64_t)size;
    if (self->is.tag || self->at == self->from || behind <= self->from) return 0;
    const size_t skipped = self->place < self->from ? (size_t)(self->from - self->place) : 0;
    hash_stream_add(&self->again, bytes + skipped, size - skipped);
    if (behind < self->at || hash_stream_end(&self->again) == hash_stream_end(&self->had)) return 0;
    return failure_set(failure, EXIT_DATA,
                       "%s: has changed while it was read: its first %lld bytes are others; read it again",
                       url_of(self), (long long)self->at);
}

// Passes over what is in front of what is wanted.
static int skip(struct download *self, struct failure *failure) {
    char bytes[16 << 10];
    while (self->place < self->at) {
        const int64_t left = self->at - self->place;
        const size_t size = left < (int64_t)sizeof bytes ? (size_t)left : sizeof bytes;
        const ssize_t got = exchange_read(&self->exchange, bytes, size, failure);
        if (got < 0) return (int)got;
        if (!got) return cut(self, failure);
        const int status = check_again(self, bytes, (size_t)got, failure);
        if (status) return status;
        self->place += got;
    }
    return 0;
}

// Up to `size` bytes; 0 where the answer, and what is wanted, is at its end. Behind the last byte the answer's own end
// is read too: then its connection can be used again.
static ssize_t take(struct download *self, void *bytes, size_t size, struct failure *failure) {
    char beyond;
    int status = self->begun ? 0 : begin(self, failure);
    if (!status) status = skip(self, failure);
    if (status) return status;
    const int64_t left = self->to - self->at;
    if (self->to >= 0 && (int64_t)size > left) size = (size_t)left;
    const ssize_t got = exchange_read(&self->exchange, size ? bytes : &beyond, size ? size : 1, failure);
    if (got < 0) return self->to >= 0 && !size ? 0 : got;
    if (!size || got) return size ? got : 0;
    const int64_t end = self->to >= 0 ? self->to : self->is.bytes;
    return end >= 0 && self->at < end ? cut(self, failure) : 0;
}

static void count(struct download *self, const void *bytes, size_t size) {
    if (!self->is.tag) hash_stream_add(&self->had, bytes, size);
    self->at += (int64_t)size;
    self->place += (int64_t)size;
    self->moved += (int64_t)size;
    if (self->moved >= PROGRESS) attempts_moved(&self->attempts);
}

static ssize_t download_read(struct source *source, void *bytes, size_t size, struct failure *failure) {
    struct download *self = (struct download *)source;
    ssize_t got;
    if (self->ended) return 0;
    while ((got = take(self, bytes, size, failure)) < 0) {
        end_exchange(self);
        self->moved = 0;
        const int status = attempts_again(&self->attempts, source->options, url_of(self), failure);
        if (status) return status;
    }
    if (got)
        count(self, bytes, (size_t)got);
    else
        end_exchange(self);
    self->ended = !got;
    return got;
}

static int download_end(struct source *source, char **tag, struct failure *failure) {
    const struct download *self = (struct download *)source;
    (void)failure;
    *tag = self->is.tag ? xstrdup(self->is.tag) : NULL;
    return 0;
}

static void download_close(struct source *source) {
    struct download *self = (struct download *)source;
    end_exchange(self);
    free(self->is.tag);
    free(self);
}

struct source *server_open(const struct object *known, int64_t from, int64_t to, const struct remote_options *options) {
    struct download *self = xcalloc(1, sizeof *self);
    *self = (struct download){
        .base =
            {.known = known, .options = options, .read = download_read, .end = download_end, .close = download_close},
        .from = from,
        .to = to,
        .at = from,
        .is = {.url = known->url, .bytes = known->bytes, .tag = known->tag ? xstrdup(known->tag) : NULL}};
    hash_stream_begin(&self->had);
    return &self->base;
}
