// CURVE for what leaves the host: making the folder of keys, reading them, setting sockets up, and the thread that says
// whom a binding process lets in. socket.c asks for it where an address is tcp; coca-tap makes folders.
#include "wire/keys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "base/fail.h"
#include "base/file.h"

#define AUTHENTICATOR "inproc://zeromq.zap.01" // the address that libzmq asks (ZeroMQ RFC 27)
enum { RAW_KEY = 32 };

// --- Files

static int write_key(const char *folder, const char *name, const char *key, mode_t mode) {
    char *path = path_join(folder, name);
    int status = 0, fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST)
        status = error(EXIT_USAGE, "%s exists; remove it first if these keys are to be replaced", path);
    else if (fd < 0 || dprintf(fd, "%s\n", key) < 0)
        status = error(EXIT_RUN, "%s: cannot be written: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    free(path);
    return status;
}

static int create_pair(const char *folder, const char *public_name, const char *secret_name, const char *copy_name) {
    char public[KEY_TEXT], secret[KEY_TEXT];
    if (zmq_curve_keypair(public, secret)) return error(EXIT_RUN, "libzmq was built without CURVE");
    int status = write_key(folder, public_name, public, 0644);
    if (status == 0) status = write_key(folder, secret_name, secret, 0600);
    if (status == 0 && copy_name) status = write_key(folder, copy_name, public, 0644);
    return status;
}

int keys_create(const char *folder) {
    char *clients = path_join(folder, "clients");
    int status = directory_exists(folder) ? 0 : directory_make_private(folder);
    if (status == 0) status = directory_make_private(clients); // who may write there is let in
    free(clients);
    if (status == 0) status = create_pair(folder, "server.public", "server.secret", NULL);
    if (status == 0) status = create_pair(folder, "client.public", "client.secret", "clients/client.public");
    return status;
}

static int read_key(const char *folder, const char *name, char key[KEY_TEXT]) {
    char *path = path_join(folder, name);
    struct buffer text = {0};
    unsigned char raw[RAW_KEY];
    int status = file_read(path, 4096, &text) ? -EXIT_USAGE : 0;
    snprintf(key, KEY_TEXT, "%s", text.bytes ? text.bytes : "");
    size_t rest = text.size > KEY_TEXT - 1 ? strspn(text.bytes + KEY_TEXT - 1, "\r\n") : 0;
    if (status == 0 && (text.size != KEY_TEXT - 1 + rest || !zmq_z85_decode(raw, key)))
        status =
            error(EXIT_USAGE, "%s: a key is 40 characters of Z85; `coca-tap keys DIR` makes a folder of them", path);
    buffer_release(&text);
    free(path);
    return status;
}

// --- The authenticator: a thread that says yes to the keys in clients/, so that handshakes go on while the stage
// computes

struct authenticator {
    void *socket, *thread;
    const struct strings *accepted;
};
enum { ZAP_VERSION, ZAP_REQUEST, ZAP_MECHANISM = 5, ZAP_KEY, ZAP_FRAMES };
struct zap_frame {
    char bytes[256];
    int size;
};

static bool is_accepted(const struct strings *accepted, const struct zap_frame *key) {
    char text[KEY_TEXT];
    if (key->size != RAW_KEY) return false;
    zmq_z85_encode(text, (const uint8_t *)key->bytes, RAW_KEY);
    for (size_t i = 0; i < accepted->count; i++)
        if (strcmp(accepted->item[i], text) == 0) return true;
    return false;
}

// The number of frames, at most ZAP_FRAMES of them kept; −1 when the context ends.
static int receive_request(void *socket, struct zap_frame frame[ZAP_FRAMES]) {
    int count = 0, more = 1;
    size_t size = sizeof more;
    while (more) {
        struct zap_frame spare, *here = count < ZAP_FRAMES ? &frame[count] : &spare;
        here->size = zmq_recv(socket, here->bytes, sizeof here->bytes, 0);
        if (here->size < 0 && zmq_errno() != EINTR) return -1;
        if (here->size < 0) continue;
        if (here->size > (int)sizeof here->bytes) here->size = sizeof here->bytes;
        count++;
        zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size);
    }
    return count;
}

static void send_reply(void *socket, const struct zap_frame *request, bool accepted) {
    static const char *const verdict[2][2] = {{"400", "this key is not in the server's clients/"}, {"200", "OK"}};
    zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(socket, request->bytes, (size_t)request->size, ZMQ_SNDMORE);
    zmq_send(socket, verdict[accepted][0], strlen(verdict[accepted][0]), ZMQ_SNDMORE);
    zmq_send(socket, verdict[accepted][1], strlen(verdict[accepted][1]), ZMQ_SNDMORE);
    zmq_send(socket, "", 0, ZMQ_SNDMORE); // user
    zmq_send(socket, "", 0, 0);           // metadata
}

static void authenticate(void *argument) {
    struct authenticator *authenticator = argument;
    struct zap_frame frame[ZAP_FRAMES];
    int count;
    while ((count = receive_request(authenticator->socket, frame)) >= 0) {
        bool known = count == ZAP_FRAMES && frame[ZAP_MECHANISM].size == 5 &&
                     memcmp(frame[ZAP_MECHANISM].bytes, "CURVE", 5) == 0 &&
                     is_accepted(authenticator->accepted, &frame[ZAP_KEY]);
        if (count > ZAP_REQUEST) send_reply(authenticator->socket, &frame[ZAP_REQUEST], known);
    }
    zmq_close(authenticator->socket);
}

static int read_accepted(struct keys *keys) {
    char *clients = path_join(keys->folder, "clients");
    DIR *folder = opendir(clients);
    int status = folder ? 0 : error(EXIT_USAGE, "%s: cannot be read: %s", clients, strerror(errno));
    struct dirent *entry;
    while (status == 0 && (entry = readdir(folder))) {
        const char *suffix = strrchr(entry->d_name, '.');
        char key[KEY_TEXT];
        if (!suffix || strcmp(suffix, ".public") != 0) continue;
        status = read_key(clients, entry->d_name, key);
        if (status == 0) strings_add_text(&keys->accepted, key);
    }
    if (folder) closedir(folder);
    free(clients);
    return status;
}

static int start_authenticator(struct keys *keys, void *context) {
    if (keys->authenticator) return 0;
    int status = read_accepted(keys);
    if (status) return status;
    struct authenticator *authenticator = xcalloc(1, sizeof *authenticator);
    authenticator->accepted = &keys->accepted;
    authenticator->socket = zmq_socket(context, ZMQ_REP);
    if (!authenticator->socket || zmq_bind(authenticator->socket, AUTHENTICATOR))
        bug("the authenticator cannot be bound: %s", zmq_strerror(zmq_errno()));
    authenticator->thread = zmq_threadstart(authenticate, authenticator);
    keys->authenticator = authenticator;
    return 0;
}

// --- Sockets

static void set_key(void *socket, int option, const char *key) {
    if (zmq_setsockopt(socket, option, key, KEY_TEXT)) bug("CURVE key: %s", zmq_strerror(zmq_errno()));
}

int keys_serve(struct keys *keys, void *context, void *socket) {
    char secret[KEY_TEXT];
    const int yes = 1;
    int status = read_key(keys->folder, "server.secret", secret);
    if (status == 0) status = start_authenticator(keys, context);
    if (status) return status;
    if (zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &yes, sizeof yes))
        return error(EXIT_USAGE, "--keys: libzmq was built without CURVE");
    set_key(socket, ZMQ_CURVE_SECRETKEY, secret);
    zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, "cocaflow", strlen("cocaflow"));
    return 0;
}

int keys_connect(const struct keys *keys, void *socket) {
    char server[KEY_TEXT], public[KEY_TEXT], secret[KEY_TEXT];
    int status = read_key(keys->folder, "server.public", server);
    if (status == 0) status = read_key(keys->folder, "client.public", public);
    if (status == 0) status = read_key(keys->folder, "client.secret", secret);
    if (status) return status;
    if (!zmq_has("curve")) return error(EXIT_USAGE, "--keys: libzmq was built without CURVE");
    set_key(socket, ZMQ_CURVE_SERVERKEY, server);
    set_key(socket, ZMQ_CURVE_PUBLICKEY, public);
    set_key(socket, ZMQ_CURVE_SECRETKEY, secret);
    return 0;
}

void keys_release(struct keys *keys) {
    struct authenticator *authenticator = keys->authenticator;
    if (authenticator) zmq_threadclose(authenticator->thread);
    free(authenticator);
    strings_release(&keys->accepted);
    keys->authenticator = NULL;
}
