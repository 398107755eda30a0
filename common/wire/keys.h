// CURVE keys of tcp edges: a folder with
//
//   server.public, server.secret      of every process that binds
//   client.public, client.secret      of every process that connects
//   clients/*.public                  whom binding processes let in
//
// each one line of 40 characters (Z85, as zmq_curve_keypair makes it). A host that only connects needs no
// server.secret.
#pragma once

#include <stdbool.h>

#include "base/memory.h"

#define KEY_TEXT 41

struct keys {
    const char *folder; // NULL: no encryption
    struct strings accepted;
    void *authenticator; // the thread that answers for `accepted`
};

// Makes the folder with one client in it. 0, -EXIT_USAGE when there are keys already, -EXIT_RUN.
int keys_create(const char *folder);

// Sets a socket up before its bind or connect. 0 or -EXIT_USAGE.
int keys_serve(struct keys *keys, void *context, void *socket);
int keys_connect(const struct keys *keys, void *socket);
void keys_release(struct keys *keys); // after zmq_ctx_term
