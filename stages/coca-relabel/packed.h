// A file that is written as it is, or compressed, with the same bytes for the same content: no time, no name in it.
#pragma once

#include <stddef.h>

struct packed;
// `packing`: ".gz", ".zst", ".xz", ".bz2"; NULL: as it is. Takes a file that is there. 0 or -EXIT_RUN.
int packed_open(struct packed **packed, const char *path, const char *packing);
void packed_write(struct packed *packed, const void *bytes, size_t size); // the first failure sticks
// Waits for the disk. Frees it whatever it returns: 0 or -EXIT_RUN, reported.
int packed_close(struct packed **packed);
void packed_abandon(struct packed **packed);
