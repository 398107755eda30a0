// Whether ranks exchange memory of their GPUs without the host: all of them or none, by what each of them says. NCCL
// wants a GPU of its own for each rank, and the same release of it everywhere.
#include "ranks/devices.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/machine.h"
#include "base/memory.h"
#include "ranks/leaks.h"

// NULL with the offer's reason. The object stays loaded.
static struct device_transport *load(const char *path, struct device_offer *offer) {
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    struct device_transport *transport = object ? dlsym(object, DEVICES_ENTRY) : NULL;
    if (!object)
        snprintf(offer->reason, sizeof offer->reason, "%s", dlerror());
    else if (!transport || transport->size != DEVICES_SIZE)
        snprintf(offer->reason, sizeof offer->reason, "lib/" DEVICES_OBJECT " belongs to another build; run make");
    else
        return transport;
    return NULL;
}

static struct device_transport *find(struct device_offer *offer) {
    char *path = machine_find_object(DEVICES_OBJECT);
    struct device_transport *transport = path ? load(path, offer) : NULL;
    if (!path)
        snprintf(offer->reason, sizeof offer->reason,
                 "its build has no lib/" DEVICES_OBJECT ", which is made where nvcc and nccl.h are");
    free(path);
    return transport;
}

static bool same_gpu(const struct device_offer *a, const struct device_offer *b) {
    return memcmp(a->gpu, b->gpu, sizeof a->gpu) == 0;
}

// What is wrong with one rank's offer beside those before it; false: nothing.
static bool objects(const struct device_offer *offers, int rank, char *reason, size_t size) {
    const struct device_offer *own = &offers[rank];
    if (own->device < 0) return snprintf(reason, size, "rank %d has no GPU", rank);
    if (!own->version) return snprintf(reason, size, "rank %d: %.*s", rank, (int)sizeof own->reason, own->reason);
    if (own->version != offers[0].version)
        return snprintf(reason, size, "rank 0 has release %d of NCCL, rank %d release %d", offers[0].version, rank,
                        own->version);
    for (int before = 0; before < rank; before++)
        if (same_gpu(&offers[before], own))
            return snprintf(reason, size, "ranks %d and %d are on the same GPU", before, rank);
    return false;
}

bool devices_decide(const struct device_offer *offers, int ranks, char *reason, size_t size) {
    int asked = 0;
    *reason = 0;
    for (int r = 0; r < ranks; r++) asked += offers[r].device >= 0;
    if (!asked) return false;
    for (int r = 0; r < ranks; r++)
        if (objects(offers, r, reason, size)) return false;
    return true;
}

// Where all have offered, *devices says whether they joined.
static int join(bool *devices, struct device_transport *own, const struct device_offer *offers, struct ranks *ranks) {
    const int rank = ranks_rank(ranks), count = ranks_count(ranks);
    char reason[sizeof offers->reason + 100];
    if (devices_decide(offers, count, reason, sizeof reason)) {
        const int status = own->join(offers[rank].device, offers[0].start, rank, count);
        *devices = !status;
        if (!status) ranks_carry_devices(ranks, own);
        return status;
    }
    if (*reason && rank == 0) note("ranks exchange through host memory, without NCCL: %s", reason);
    return 0;
}

int ranks_use_devices(struct ranks *ranks, int device, bool *devices) {
    const int count = ranks_count(ranks);
    struct device_offer own = {.device = device}, *offers = xcalloc((size_t)count, sizeof *offers);
    *devices = false;
    if (count == 1) device = -1;
    leaks_ignore();
    struct device_transport *transport = device < 0 ? NULL : find(&own);
    if (transport) transport->offer(&own, ranks_rank(ranks) == 0);
    leaks_heed();
    int status = ranks_collect(ranks, &own, offers, sizeof own, (struct ranks_meanwhile){NULL, NULL});
    if (!status) {
        leaks_ignore();
        status = join(devices, transport, offers, ranks);
        leaks_heed();
    }
    free(offers);
    return status;
}
