// One claim as a file: a line of CLAIM_SIZE bytes that is written over in one call, so that nobody reads half of it.
// Its time of modification is the owner's last sign of life. Claims of one shard are NAME~1, NAME~2, …; the highest
// counts.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"

#define CLAIM_FOLDER ".claims"
#define CLAIM_SIZE 512

struct claim_line {
    char host[256];
    int64_t pid, pictures, captions, bad;
    double seconds;  // since it was claimed, when this was written
    uint64_t secret; // of the owner, who knows its file by it
};
struct claim_seen {
    struct claim_line line; // all 0 between its making and its first line
    int64_t written;        // by the file system's clock, in nanoseconds
};

char *claim_file_path(const char *folder, const char *name, int64_t generation); // the caller frees
// The name's length and the generation of a file's name; false: no claim.
bool claim_file_parse(const char *file, int *length, int64_t *generation);
// The highest generation of the shard, 0: none. 0 or -EXIT_RUN.
int claim_file_highest(const char *folder, const char *name, int64_t *generation);

int claim_file_make(const char *path, const struct claim_line *line);  // 1, 0 where there is one, or -EXIT_RUN
int claim_file_see(const char *path, struct claim_seen *seen);         // 1, 0 where there is none, or -EXIT_RUN
int claim_file_write(const char *path, const struct claim_line *line); // 1, 0 where it is another's, or -EXIT_RUN

// The time that a claim in the folder would be written at now. `clock` is a file of the caller's own in it.
int claim_clock_open(int *clock, const char *folder); // 0 or -EXIT_RUN
int claim_clock_now(int clock, const char *folder, int64_t *now);
