// A run over hosts, of which the conductor's address alone is given (--control tcp://HOST:PORT): every stage says on
// control where it listens, and is told where the others do. Guests, workers that come to control, learn the same.
#pragma once

#include "run/places.h"
#include "train/stages.h"
#include "train/topology.h"

enum { GUESTS_MOST = 1024 };

struct meeting {
    char *host, *folder;    // this process's: machine_identity and working directory
    char *listen;           // "tcp://ADDRESS:*", of this host
    struct places own, all; // all: as the conductor tells
    bool told;              // all stages have said theirs
    struct guests guests;   // of the conductor's control
};

bool meeting_is_asked(const struct run *run);
// 0, or -EXIT_USAGE when this host has no address by which others would reach it; meeting_free in any case.
int meeting_begin(struct meeting **meeting, const struct run *run);
void meeting_free(struct meeting **meeting);

// Notes an address at which this rank listens with the edge: NULL where it does not.
void meeting_note(struct meeting *meeting, struct address self, const char *edge, const char *ipc, const char *tcp);
// A follower's side: waits for the conductor, says its places, hears all. 0, -EXIT_PEER, or what a wait returns.
int meeting_attend(struct meeting *meeting, struct edge *control);
// The conductor's: waits for every follower of the topology and its places, tells all of them. The same, or -EXIT_RUN
// when places contradict each other.
int meeting_hold(struct meeting *meeting, struct edge *control, const struct topology *topology);

// Where this process connects to that rank's edge; the caller frees. NULL, reported, when it cannot.
char *meeting_address(const struct meeting *meeting, const char *role, int rank, const char *edge);
