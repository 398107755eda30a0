// Checkpoints of a run directory: FOLDER/step-N, after N steps (design section 9). FOLDER is checkpoints/, or
// checkpoints/memory for those in memory (checkpoint_memory.h); what is true of one is true of the other.
//
// Every stage writes its files into FOLDER/.step-N; then loss writes the manifest with sizes and checksums, syncs and
// renames. A directory under its final name is therefore whole, and what is found changed or cut in it is damage.
#pragma once

#include <stdint.h>

#define CHECKPOINTS "checkpoints" // in the run directory

// Files that a stage wrote for a checkpoint.
struct written_file {
    char name[64];
    int64_t size;
    uint64_t checksum; // XXH64
};
enum { WRITTEN_FILES = 32 }; // three a stage: weights, optimizer, moving average
struct written {
    struct written_file file[WRITTEN_FILES];
    int count;
};
struct written_file *written_add(struct written *written, const char *name); // bug() when full

struct checkpoint {
    int64_t step, samples; // steps taken, samples seen (n)
    double elapsed;        // seconds of training
    uint64_t model;        // fingerprint of the configuration
    struct written written;
};

char *checkpoint_aside(const char *folder, int64_t step); // "FOLDER/.step-N"; the caller frees
char *checkpoint_path(const char *folder, int64_t step);  // "FOLDER/step-N"; the caller frees

// Writes the manifest, renames, and deletes the oldest beyond `keep`. 0, -EXIT_RUN or -EXIT_DATA.
int checkpoint_commit(const struct checkpoint *checkpoint, const char *folder, int64_t keep);

// Reads the manifest of a checkpoint directory. -EXIT_DATA naming what is missing or damaged.
int checkpoint_read(struct checkpoint *checkpoint, const char *path);
// Compares the files whose names begin with `prefix` with the manifest: size and checksum. -EXIT_DATA naming the file.
int checkpoint_verify(const struct checkpoint *checkpoint, const char *path, const char *prefix);
const struct written_file *checkpoint_file(const struct checkpoint *checkpoint, const char *name); // NULL: not in it

// The step of the newest checkpoint of a folder, −1 when there is none. 0, or -EXIT_DATA when the folder cannot be
// read: a run must not begin anew then.
int checkpoint_newest(const char *folder, int64_t *step);
int checkpoint_clean(const char *folder); // removes what was not finished; 0, -EXIT_DATA or -EXIT_RUN
// Gives a checkpoint that was found damaged a name that nothing goes on from. 0 or -EXIT_RUN.
int checkpoint_set_aside(const char *folder, int64_t step);
