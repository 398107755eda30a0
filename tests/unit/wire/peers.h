// A directory of its own for each test, hubs with short limits, and peers in other processes.
#pragma once

#include "../base/folder.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <zmq.h>

#include "base/clock.h"
#include "wire/codec.h"
#include "wire/hub.h"

static inline struct hub_config config_of(const char *role) {
    return (struct hub_config){
        .role = role,
        .run = "",
        .peer_timeout = 10,
        .request_timeout = 10,
        .stall_timeout = 10,
        .message_limit = 64 << 20,
    };
}

static inline struct hub *hub_of(const char *role) {
    struct hub_config config = config_of(role);
    return hub_new(&config);
}

// Runs `body` in a process of its own, which exits with what it returns (negative codes made positive).
static inline pid_t start(int (*body)(void *argument), void *argument) {
    pid_t pid = fork();
    if (pid) return pid;
    int status = body(argument);
    fflush(NULL);
    _exit(status < 0 ? -status : status);
}

// The exit code, 128 + signal, or −1 after ten seconds (and the process is killed).
static inline int finish(pid_t pid) {
    for (int i = 0; i < 1000; i++) {
        int status;
        if (waitpid(pid, &status, WNOHANG) == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        usleep(10000);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return -1;
}

// A port of this host at which nobody listened just now.
static inline int free_port(void) {
    struct sockaddr_in any = {.sin_family = AF_INET};
    socklen_t size = sizeof any;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &size), 0);
    close(fd);
    return ntohs(any.sin_port);
}

static inline struct unit unit_of(int64_t step, int32_t microbatch) {
    return (struct unit){step, microbatch, step * 100 + microbatch * 10, 2};
}

// A data message whose `value` tells which unit it is, and of whom.
static inline struct message *data_of(struct unit unit, int64_t who) {
    struct message *message = message_new(MESSAGE_DATA, unit);
    int64_t *value = message_add(message, "value", DT_I64, SHAPE(3));
    value[0] = unit.step;
    value[1] = unit.microbatch;
    value[2] = who;
    return message;
}

static inline const int64_t *value_of(const struct message *message) {
    const void *value = NULL;
    assert_int_equal(message_tensor(message, "value", DT_I64, SHAPE(3), &value), 0);
    assert_int_equal((uintptr_t)value % 64, 0);
    return value;
}

static inline int open_edge(struct hub *hub, struct edge **edge, const char *name, const char *address,
                            enum edge_manner manner, const char *peer) {
    const struct peer_group peers = {peer, 1};
    const struct edge_options options = {
        .name = name,
        .address = address,
        .manner = manner,
        .direction = EDGE_BOTH,
        .window = 2,
        .peers = &peers,
        .peer_count = peer ? 1 : 0,
    };
    return hub_edge(hub, edge, &options);
}

// --- A peer that speaks ZeroMQ by hand, to say what no stage would

struct raw {
    void *context, *socket;
};

static inline struct raw raw_connect(const char *address) {
    struct raw raw = {zmq_ctx_new(), NULL};
    int linger = 1000, wait = 5000;
    raw.socket = zmq_socket(raw.context, ZMQ_DEALER);
    zmq_setsockopt(raw.socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(raw.socket, ZMQ_RCVTIMEO, &wait, sizeof wait);
    zmq_connect(raw.socket, address);
    return raw;
}

static inline void raw_close(struct raw *raw) {
    zmq_close(raw->socket);
    zmq_ctx_term(raw->context);
}

// Sends the message as it stands, its tensors' bytes included.
static inline void raw_send(struct raw *raw, struct message *message) {
    struct buffer header = {0};
    message_encode_header(message, &header);
    zmq_send(raw->socket, header.bytes, header.size, message->tensor_count ? ZMQ_SNDMORE : 0);
    for (int i = 0; i < message->tensor_count; i++)
        zmq_send(raw->socket, message->tensor[i].data, (size_t)tensor_bytes(&message->tensor[i]),
                 i + 1 < message->tensor_count ? ZMQ_SNDMORE : 0);
    buffer_release(&header);
    message_free(&message);
}

static inline struct message *raw_message(enum message_kind kind, const char *from, struct unit unit) {
    struct message *message = message_new(kind, unit);
    strcpy(message->from, from);
    return message;
}

static inline struct message *raw_tell(const char *word, const char *from, struct unit unit) {
    struct message *message = message_tell(word, unit);
    strcpy(message->from, from);
    return message;
}

static inline struct message *raw_hello_message(const char *from, const char *edge) {
    struct message *hello = raw_message(MESSAGE_HELLO, from, (struct unit){-1, -1, 0, 0});
    message_set_text(hello, "edge", edge);
    return hello;
}

// The header of the next message, probes skipped; NULL after five seconds. The caller frees it.
static inline struct message *raw_receive(struct raw *raw) {
    char bytes[65536], reason[WIRE_REASON];
    for (;;) {
        int64_t lengths[WIRE_TENSORS];
        int size = zmq_recv(raw->socket, bytes, sizeof bytes, 0);
        if (size < 0) return NULL;
        struct message *message = message_new(MESSAGE_PROBE, (struct unit){0});
        int status = message_decode_header(message, lengths, bytes, (size_t)size, reason);
        if (status == 0 && message->kind != MESSAGE_PROBE) return message;
        message_free(&message);
        if (status) return NULL;
    }
}

static inline enum message_kind raw_receive_kind(struct raw *raw) {
    struct message *message = raw_receive(raw);
    enum message_kind kind = message ? message->kind : MESSAGE_KINDS;
    message_free(&message);
    return kind;
}
