// What lies in the folder that relabelled shards go to.
//
//   relabel.json       what makes the results what they are, and the names of all shards: written once, by whoever is
//                      first, and compared by everybody else
//   NAME               a shard, whole: it has its name when nothing is left to do
//   STEM_stats.json    what became of its samples, written before it: struct shard_stats
//   .claims/           claims.h
//   .aside/            what is being written
//
// The bytes of all but the last two are a function of the input, the model and the settings.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"

#define FOLDER_SETTINGS "relabel.json"
#define FOLDER_ASIDE ".aside"

struct shard_stats {
    int64_t samples, captioned, captions, filtered, bad; // samples = captioned + bad; filtered: captions left out
};

// "00012.tar.gz" → "00012_stats.json"; the caller frees.
char *folder_stats_name(const char *shard);
// 0, 1 where there is none yet, or -EXIT_DATA (not such a file).
int folder_stats(const char *to, const char *shard, struct shard_stats *stats);
bool folder_has(const char *to, const char *shard); // it is done

// Writes relabel.json, or compares with the one that is there: `settings` and the names of the shards (what they are
// made `from` is only kept). 0; -EXIT_USAGE, reported with the setting that differs and both remedies; -EXIT_RUN.
int folder_settle(const char *to, const json_t *settings, const struct strings *shards, const struct strings *from);
// Reads it: `*settings` is a new reference. 0 or -EXIT_DATA, reported.
int folder_read(const char *to, json_t **settings, struct strings *shards);
