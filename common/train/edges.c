#include "train/edges.h"

int edges_open(struct hub *hub, const struct edge_row *row, int count) {
    for (int i = 0; i < count; i++) {
        *row[i].edge = NULL;
        if (!row[i].options.address && row[i].needed)
            return error(EXIT_USAGE, "--%s ADDRESS is needed", row[i].options.name);
        if (!row[i].options.address) continue;
        int status = hub_edge(hub, row[i].edge, &row[i].options);
        if (status) return status;
    }
    return 0;
}

static bool is_socket(const struct edge *edge) {
    return edge && !edge_is_recording(edge);
}

int edges_served(struct edge **served, const struct edge *control, struct edge *one, struct edge *other) {
    *served = NULL;
    if (control) return 0;
    if (is_socket(one) && is_socket(other))
        return error(EXIT_USAGE, "%s and %s cannot both be asked for: give one of them a socket", edge_name(one),
                     edge_name(other));
    *served = is_socket(one) ? one : is_socket(other) ? other : NULL;
    return 0;
}
