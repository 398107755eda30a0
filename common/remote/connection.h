// Connections to servers, kept from one object to the next by whoever needs one. Private.
#pragma once

#include "remote/backend.h"
#include "remote/failure.h"

struct connection {
    const struct remote_backend *backend;
    void *state;
    struct connection *next;
};
struct connection *connection_take(const char *url, struct failure *failure); // NULL: no libcurl
void connection_give(struct connection *connection);                          // ends what is under way; NULL is fine
