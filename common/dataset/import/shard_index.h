// Index files of others: which samples a tar has, and where.
#pragma once

#include "dataset/import/importer.h"
#include "dataset/import/shards.h"

struct indexed_sample {
    char *key; // NULL: the index does not say it
    int64_t offset, length;
    unsigned fields;         // as record_fields, by the names of its members
    struct strings captions; // that stand in the index
};
struct shard_index {
    const char *kind; // "DALI"
    char *path;
    struct indexed_sample *sample;
    size_t count, capacity;
    int64_t end; // of the sample before, in the tar
};

// The index file of the shard: the one that was named with it, else one that lies beside it. `*there` is whether there
// is one. Places ascend and lie within the object. 0, then shard_index_release, or -exit_code, reported.
int shard_index_find(struct shard_index *index, struct importer *importer, const struct shard_of_list *shard,
                     bool *there);
void shard_index_release(struct shard_index *index);

// For the formats. Adds a sample that ends at `end`, rounded up to a tar's block, and begins where the one before
// ended.
struct indexed_sample *shard_index_begin(struct shard_index *index);
// A member of a tar, in the tar's order, with the place of its bytes: begins a sample, or makes the last one longer.
// `name` NULL: it belongs to the last one and has this suffix. False: the numbers are impossible.
struct indexed_member {
    const char *name, *suffix;
    int64_t offset, length;
};
bool shard_index_member(struct shard_index *index, struct importer *importer, const struct indexed_member *member);
unsigned shard_index_fields(struct importer *importer, const struct buffer *suffix);

// 0 or -EXIT_DATA, reported.
int shard_index_dali(struct shard_index *index, struct importer *importer, const struct buffer *text);
int shard_index_energon(struct shard_index *index, struct importer *importer, const struct buffer *offsets);
int shard_index_webshart(struct shard_index *index, struct importer *importer, const struct buffer *text);
