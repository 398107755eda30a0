// What a hub does to its edges. Private.
#pragma once

#include "wire/hub_private.h"

int edge_open(struct hub *hub, struct edge **edge, const struct edge_options *options); // 0 or -exit_code
void edge_free(struct edge *edge, int linger_ms);                                       // −1: of a proper end
void edge_say_end(struct edge *edge);
int edge_close_copy(struct edge *edge);                                  // --record: 0 or -EXIT_RUN
const char *edge_copy_path(const struct edge *edge, const char *record); // FILE of "EDGE=FILE", NULL: of another edge
