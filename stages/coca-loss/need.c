// Memory of the conductor: its scalars, the gathered batch, and at the end of a run the files that are joined to the
// exported model.
#include "need.h"

#include "run/export.h"
#include "train/idle.h"

static int64_t exported_bytes(const struct part *part, const struct topology *topology) {
    const struct model_part *list[TOPOLOGY_STAGES];
    int count = topology_parts(topology, list);
    return export_bytes(&part->config, list, count) + idle_bytes(part, topology);
}

struct memory_bytes loss_bytes(const struct part *part, const struct topology *topology, bool train) {
    struct memory_bytes bytes = part_bytes(part, train), batch = conductor_bytes(part, train);
    bytes.device += batch.device;
    bytes.host += batch.host + (train ? exported_bytes(part, topology) : 0);
    return bytes;
}
