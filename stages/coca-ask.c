// coca-ask: one client of coca-serve, for the shell. The manual page is below. It is no stage: it speaks the protocol
// that any client does, and keeps WINDOW inputs with the server, so that they share batches and answers come in order.
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "stage/command.h"
#include "stage/option_rows.h"
#include "wire/endpoint.h"
#include "wire/keys.h"

static const char manual[] =
    "Asks a server (pipelines/serve.sh) about each INPUT and prints a line for each, in order: its caption, or\n"
    "the numbers of its embedding. An input is a picture's path, - for a picture on stdin, or with --task\n"
    "text-embedding a text. Several are with the server at once, so that they share batches. With --task status\n"
    "it prints the server's counts.\n"
    "\n"
    "A server that is busy is asked again until --timeout. An input that it cannot read, or of more bytes than it\n"
    "takes (its --max-picture-bytes), has an empty line; the others are answered.\n"
    "\n"
    "Exit codes: 0 done, 2 usage, 3 some input could not be read, 4 no answer within --timeout.\n"
    "\n"
    "Examples:\n"
    "  coca-ask --server ipc:///run/user/1000/coca photo.jpg\n"
    "  curl -s https://example.org/photo.jpg | coca-ask --server tcp://127.0.0.1:5555 -";

static const char *const tasks[] = {"caption", "image-embedding", "text-embedding", "status"};
enum task { CAPTION, IMAGE_EMBEDDING, TEXT_EMBEDDING, STATUS };

enum { WINDOW = 16, BUSY_MS = 50 };
#define PICTURE_LIMIT ((int64_t)256 << 20) // bytes

struct answer {
    bool come, again; // again: the server was busy
    char *line;       // NULL: none
};

struct asking {
    struct {
        char *server, *keys;
        int task;
        bool insecure;
        double timeout;
    } own;
    void *context, *socket;
    struct keys keys;
    const struct strings *inputs;
    struct answer *answer; // [inputs]
    size_t sent, printed;
    int failed;
    int64_t picture_limit; // bytes that the server takes
    double since;          // of the last answer
};

#define FIELD(member) offsetof(__typeof__(((struct asking *)0)->own), member)
static const struct option rows[] = {
    TEXT("server", server, "ADDRESS", NULL, "where the server listens: ipc://PATH or tcp://HOST:PORT", OPTION_LOCAL),
    CHOICE("task", task, "caption|image-embedding|text-embedding|status", "caption", "what to ask", OPTION_LOCAL),
    TEXT("keys", keys, "DIR", NULL, "CURVE keys for tcp, made by `coca-tap keys DIR`", OPTION_LOCAL),
    FLAG("insecure", insecure, "allow tcp to another host without keys", OPTION_LOCAL),
    REAL("timeout", timeout, "SECONDS", "60", 0.001, 1e9, "without any answer", OPTION_LOCAL),
};
static int no_server(const struct asking *self) {
    return error(EXIT_PEER, "no answer from %s for %g s (--timeout): is the server there, and not busier than that?",
                 self->own.server, self->own.timeout);
}

// ---- requests

static bool asks_of_pictures(const struct asking *self) {
    return self->own.task == CAPTION || self->own.task == IMAGE_EMBEDDING;
}

// Files are not read for it; stdin and pipes are, as far as the limit.
static int check_size(const struct asking *self, const char *input) {
    struct stat about;
    if (!strcmp(input, "-") || stat(input, &about) || !S_ISREG(about.st_mode) || about.st_size <= self->picture_limit)
        return 0;
    return error(EXIT_DATA, "%s: has %" PRId64 " bytes, more than %" PRId64 " (the server's --max-picture-bytes)",
                 input, (int64_t)about.st_size, self->picture_limit);
}

static int read_input(const struct asking *self, const char *input, struct buffer *payload) {
    if (self->own.task == TEXT_EMBEDDING) buffer_text(payload, input);
    if (!asks_of_pictures(self)) return 0;
    int status = check_size(self, input);
    return status ? status : file_read(input, (size_t)self->picture_limit, payload);
}

static int send_request(const struct asking *self, size_t i, const struct buffer *payload) {
    json_t *header = json_pack("{s:s, s:I}", "task", tasks[self->own.task], "id", (json_int_t)i);
    char *text = json_dumps(header, JSON_COMPACT);
    int more = self->own.task == STATUS ? 0 : ZMQ_SNDMORE;
    int sent = zmq_send(self->socket, text, strlen(text), more);
    if (sent >= 0 && more) sent = zmq_send(self->socket, payload->size ? payload->bytes : "", payload->size, 0);
    free(text);
    json_decref(header);
    return sent < 0 ? no_server(self) : 0;
}

static void fail_input(struct asking *self, size_t i, const char *why) {
    if (why) error(EXIT_DATA, "%s: %s", self->inputs->item[i], why);
    self->answer[i].come = true;
    self->failed++;
}

static int ask(struct asking *self, size_t i) {
    struct buffer payload = {0};
    int status = 0;
    if (read_input(self, self->inputs->item[i], &payload))
        fail_input(self, i, NULL);
    else
        status = send_request(self, i, &payload);
    buffer_release(&payload);
    return status;
}

// ---- answers

// `values`: f32 as they came, at any address.
static char *number_line(const char *values, size_t count) {
    struct buffer line = {0};
    for (size_t i = 0; i < count; i++) {
        float value;
        memcpy(&value, values + i * sizeof value, sizeof value);
        buffer_format(&line, i ? " %.9g" : "%.9g", (double)value);
    }
    return line.bytes;
}

static char *caption_line(const char *caption) {
    struct buffer line = {0};
    text_clean(&line, caption, strlen(caption));
    return line.bytes;
}

static char *status_line(json_t *header) {
    json_object_del(header, "id");
    json_object_del(header, "status");
    return json_shown(header, 0);
}

static void take_answer(const struct asking *self, struct answer *answer, json_t *header, zmq_msg_t *payload) {
    const char *caption = json_string_value(json_object_get(header, "caption"));
    answer->come = true;
    if (self->own.task == STATUS)
        answer->line = status_line(header);
    else if (self->own.task == CAPTION)
        answer->line = caption_line(caption ? caption : "");
    else
        answer->line = number_line(zmq_msg_data(payload), zmq_msg_size(payload) / sizeof(float));
}

static void file_answer(struct asking *self, json_t *header, zmq_msg_t *payload) {
    const char *status = json_string_value(json_object_get(header, "status"));
    const char *why = json_string_value(json_object_get(header, "error"));
    const json_int_t id = json_integer_value(json_object_get(header, "id"));
    if (!status || id < 0 || (size_t)id >= self->inputs->count || self->answer[id].come) return;
    const bool busy = !strcmp(status, "busy"), ok = !strcmp(status, "ok");
    self->answer[id].again = busy;
    if (!busy) self->since = clock_seconds();
    if (ok)
        take_answer(self, &self->answer[id], header, payload);
    else if (!busy)
        fail_input(self, (size_t)id, why ? why : "the server refused it");
}

// Waits for one message: its header, NULL for none or no JSON, and its payload, to be closed.
static json_t *receive(const struct asking *self, double seconds, zmq_msg_t *payload) {
    zmq_msg_t frame, spare;
    zmq_pollitem_t item = {self->socket, 0, ZMQ_POLLIN, 0};
    zmq_msg_init(payload);
    if (zmq_poll(&item, 1, (long)(seconds * 1000)) <= 0) return NULL;
    zmq_msg_init(&frame);
    zmq_msg_init(&spare);
    if (zmq_msg_recv(&frame, self->socket, 0) >= 0 && zmq_msg_more(&frame)) {
        zmq_msg_recv(payload, self->socket, 0);
        while (zmq_msg_more(payload) && zmq_msg_recv(&spare, self->socket, 0) >= 0 && zmq_msg_more(&spare)) continue;
    }
    json_t *header = json_loadb(zmq_msg_data(&frame), zmq_msg_size(&frame), 0, NULL);
    zmq_msg_close(&frame);
    zmq_msg_close(&spare);
    return header;
}

static void receive_answer(struct asking *self) {
    zmq_msg_t payload;
    json_t *header = receive(self, BUSY_MS / 1000.0, &payload);
    file_answer(self, header, &payload);
    json_decref(header);
    zmq_msg_close(&payload);
}

// What a server takes it tells in its status; one that does not takes what it can.
static int learn_limit(struct asking *self) {
    static const char request[] = "{\"task\": \"status\"}";
    zmq_msg_t none;
    self->picture_limit = PICTURE_LIMIT;
    if (!asks_of_pictures(self)) return 0;
    if (zmq_send(self->socket, request, strlen(request), 0) < 0) return no_server(self);
    json_t *header = receive(self, fmin(self->own.timeout, 1e6), &none);
    const json_t *limit = json_object_get(header, "max_picture_bytes");
    if (json_integer_value(limit) > 0) self->picture_limit = json_integer_value(limit);
    const bool answered = header;
    json_decref(header);
    zmq_msg_close(&none);
    return answered ? 0 : no_server(self);
}

// ---- the whole

static int ask_again(struct asking *self) {
    bool waited = false;
    int status = 0;
    for (size_t i = self->printed; i < self->sent && !status; i++) {
        if (!self->answer[i].again) continue;
        if (!waited) nanosleep(&(struct timespec){.tv_nsec = BUSY_MS * 1000000}, NULL);
        waited = true;
        self->answer[i].again = false;
        if (!strcmp(self->inputs->item[i], "-"))
            fail_input(self, i, "the server is busy, and stdin cannot be read again");
        else
            status = ask(self, i);
    }
    return status;
}

static void print_answers(struct asking *self) {
    for (; self->printed < self->sent && self->answer[self->printed].come; self->printed++) {
        char *line = self->answer[self->printed].line;
        puts(line ? line : "");
        free(line);
    }
    fflush(stdout);
}

static int ask_all(struct asking *self) {
    int status = learn_limit(self);
    self->since = clock_seconds();
    while (!status && self->printed < self->inputs->count) {
        while (!status && self->sent < self->inputs->count && self->sent < self->printed + WINDOW)
            status = ask(self, self->sent++);
        if (!status) receive_answer(self);
        if (!status) status = ask_again(self);
        print_answers(self);
        if (!status && clock_seconds() - self->since > self->own.timeout) status = no_server(self);
    }
    if (status || !self->failed) return status;
    return error(EXIT_DATA, "%d of %zu inputs could not be read", self->failed, self->inputs->count);
}

static int open_socket(struct asking *self) {
    const int linger = 0, timeout = (int)(self->own.timeout < 1e6 ? self->own.timeout * 1000 : 1e9);
    struct endpoint endpoint;
    int status = endpoint_parse(&endpoint, "server", self->own.server);
    if (status) return status;
    if (endpoint_is_recording(&endpoint)) return error(EXIT_USAGE, "--server %s is no socket", self->own.server);
    if (endpoint.kind == ENDPOINT_TCP && !endpoint.loopback && !self->own.keys && !self->own.insecure)
        return error(EXIT_USAGE, "--server %s is another host: give --keys DIR, or --insecure", self->own.server);
    self->context = zmq_ctx_new();
    self->socket = zmq_socket(self->context, ZMQ_DEALER);
    zmq_setsockopt(self->socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(self->socket, ZMQ_SNDTIMEO, &timeout, sizeof timeout);
    self->keys.folder = self->own.keys;
    if (endpoint.kind == ENDPOINT_TCP && self->own.keys) status = keys_connect(&self->keys, self->socket);
    return status ? status : endpoint_connect(&endpoint, "server", self->socket);
}

static int run(void *context, const struct strings *operands) {
    struct asking *self = context;
    struct strings status_only = {0};
    strings_add_text(&status_only, "status");
    self->inputs = self->own.task == STATUS ? &status_only : operands;
    int status = self->own.server ? 0 : error(EXIT_USAGE, "--server ADDRESS says whom to ask");
    if (!status && !self->inputs->count) status = error(EXIT_USAGE, "nothing to ask about: give pictures or texts");
    if (!status) status = open_socket(self);
    self->answer = xcalloc(self->inputs->count, sizeof *self->answer);
    if (!status) status = ask_all(self);
    for (size_t i = self->printed; i < self->inputs->count; i++) free(self->answer[i].line);
    if (self->socket) zmq_close(self->socket);
    if (self->context) zmq_ctx_term(self->context);
    free(self->answer);
    strings_release(&status_only);
    return status;
}

int main(int argc, char **argv) {
    struct asking self = {.failed = 0};
    struct option_table own = OPTION_TABLE(rows, &self.own);
    struct option_table *const tables[] = {&own, NULL};
    const struct tool tool = {.name = "coca-ask",
                              .summary = "asks a server for captions and embeddings",
                              .manual = manual,
                              .tables = tables,
                              .operands = "INPUT ...",
                              .context = &self,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
