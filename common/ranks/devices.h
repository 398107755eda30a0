// What a binding of a library between GPUs is, and how ranks agree on one: the table that its shared object has under
// the name coca_devices. Private to the room and its object, which takes the failure words from the executable.
#pragma once

#include "ranks/ranks.h"

#define DEVICES_OBJECT "coca_nccl.so"
#define DEVICES_ENTRY "coca_devices"

// What a rank tells the others. Nothing of it is text of theirs but the reason.
struct device_offer {
    int32_t device;     // of CUDA; −1: the rank computes on a CPU
    int32_t version;    // of the library; 0: it cannot be had, for this reason
    uint8_t gpu[16];    // its UUID
    uint8_t start[128]; // rank 0's: where all meet
    char reason[200];
};

struct device_transport {
    size_t size; // of this table and the offer: the object was built for this executable when it is equal
    char name[64];
    // Loads the library and fills the offer, for whose device the process has a context; `first`: with a start.
    void (*offer)(struct device_offer *offer, bool first);
    // All ranks together, of rank 0's start. It returns when all are there. 0 or -EXIT_RUN.
    int (*join)(int device, const uint8_t *start, int rank, int ranks);
    bool (*holds)(const void *memory); // memory of a GPU
    // As of a struct transport.
    int (*begin)(const struct ranks_piece *send, int sends, const struct ranks_piece *receive, int receives);
    int (*progress)(bool *done);
    void (*leave)(bool well);
};
#define DEVICES_SIZE (sizeof(struct device_transport) + sizeof(struct device_offer))

// True when all ranks can use the library. Else why not, "" when none of them asked for a GPU.
bool devices_decide(const struct device_offer *offers, int ranks, char *reason, size_t size);

// From here on pieces may be memory of GPUs, which this carries (ranks.c).
void ranks_carry_devices(struct ranks *ranks, struct device_transport *devices);
