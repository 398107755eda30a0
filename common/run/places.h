// Where the stages of a run over hosts listen. Each says it on the control edge (`announce`), and the conductor tells
// everybody (`where`); an end that connects then chooses for each pair: ipc on one host, else tcp.
#pragma once

#include <stdbool.h>

#include "wire/message.h"

#define WORD_ANNOUNCE "announce" // follower → loss: its own places
#define WORD_WHERE "where"       // loss → followers and guests: all places
#define WORD_FILES "files" // guest → loss, and the answer: what a worker needs of the run directory (run_files.h)

enum { PLACES_MOST = 16384, PLACE_TEXT = 4096 }; // bytes of a text, with NUL

// One rank at one of the edges that it binds.
struct stage_place {
    char *role, *edge;
    int rank;
    char *host;      // machine_identity
    char *folder;    // that an ipc path is relative to, absolute
    char *ipc, *tcp; // addresses; "" where it does not listen so
};
struct places {
    struct stage_place *item; // owned
    int count, capacity;
};

void places_add(struct places *places, const struct stage_place *place); // a copy
void places_release(struct places *places);
const struct stage_place *places_find(const struct places *places, const char *role, int rank, const char *edge); // or NULL

// Why the place cannot be among them: it is there already, where another listens, or nowhere. NULL when it can.
const char *places_object(const struct places *places, const struct stage_place *place);

// As a message of this word. Unpacked, they are added: 0, or -EXIT_RUN saying what is wrong with the message.
struct message *places_pack(const char *word, const struct places *places);
int places_unpack(struct places *places, const struct message *message);

// The address by which a process of this host, in this folder, comes to the place; the caller frees. Ipc on one host
// where the socket's file can be opened from here, else tcp; NULL where neither leads there.
char *place_address(const struct stage_place *place, const char *host, const char *folder);
bool place_is_here(const struct stage_place *place, const char *host);
