// The folder's own files. Several may start at once, on several hosts: each writes relabel.json aside under a name of
// its own, and the one whose link(2) succeeds was first; the others compare.
#include "folder.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "settings.h"

#define SETTINGS_LIMIT ((size_t)1 << 30) // bytes

// "x.tar.gz" is a name with two endings.
static size_t stem_length(const char *shard) {
    static const char *const packed[] = {".gz", ".bz2", ".xz", ".zst", ".lz4"};
    size_t length = strlen(shard);
    for (size_t i = 0; i < sizeof packed / sizeof *packed; i++) {
        const size_t ending = strlen(packed[i]);
        if (length > ending && !strcasecmp(shard + length - ending, packed[i])) length -= ending;
    }
    for (size_t at = length; at > 1; at--)
        if (shard[at - 1] == '.') return at - 1;
    return length;
}

char *folder_stats_name(const char *shard) {
    return xformat("%.*s_stats.json", (int)stem_length(shard), shard);
}

static int stats_of(const char *path, const json_t *document, struct shard_stats *stats) {
    const struct {
        const char *key;
        int64_t *value;
    } counts[] = {{"samples", &stats->samples},
                  {"captioned", &stats->captioned},
                  {"captions", &stats->captions},
                  {"filtered", &stats->filtered},
                  {"bad", &stats->bad}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const json_t *value = json_object_get(document, counts[i].key);
        if (!json_is_integer(value) || json_integer_value(value) < 0)
            return error(EXIT_DATA, "%s: \"%s\" is no count: this is not what coca-relabel wrote", path, counts[i].key);
        *counts[i].value = json_integer_value(value);
    }
    return 0;
}

int folder_stats(const char *to, const char *shard, struct shard_stats *stats) {
    char *name = folder_stats_name(shard), *path = path_join(to, name);
    int status = 1;
    *stats = (struct shard_stats){0};
    if (file_exists(path)) {
        json_t *document = json_read(path, SETTINGS_LIMIT);
        status = document ? stats_of(path, document, stats) : -EXIT_DATA;
        json_decref(document);
    }
    free(path);
    free(name);
    return status;
}

bool folder_has(const char *to, const char *shard) {
    char *path = path_join(to, shard);
    const bool has = file_exists(path);
    free(path);
    return has;
}

static char *settings_path(const char *to) {
    return path_join(to, FOLDER_SETTINGS);
}

// File systems without hard links have rename alone: then of two that start in the same moment the last counts, and the
// other one has compared nothing.
static int give_name(const char *aside, const char *path, bool *first) {
    *first = !link(aside, path);
    if (*first || errno == EEXIST) return 0;
    *first = !file_exists(path) && !rename(aside, path);
    if (*first || file_exists(path)) return 0;
    return error(EXIT_RUN, "%s: cannot be written: %s", path, strerror(errno));
}

// `*first` is whether it has its name now.
static int write_settings(const char *to, const json_t *document, bool *first) {
    char *folder = path_join(to, FOLDER_ASIDE), *path = settings_path(to);
    char *aside = xformat("%s/" FOLDER_SETTINGS ".XXXXXX", folder);
    int status = directory_make(folder), fd = status ? -1 : mkstemp(aside);
    if (fd >= 0) close(fd);
    if (!status && fd < 0) status = error(EXIT_RUN, "%s: cannot be written: %s", folder, strerror(errno));
    if (!status) status = json_write(aside, document);
    if (!status) status = give_name(aside, path, first);
    if (fd >= 0) remove(aside);
    if (!status && *first) status = path_sync(path);
    free(aside);
    free(folder);
    free(path);
    return status;
}

static int compare(const char *to, const json_t *document) {
    char *path = settings_path(to);
    json_t *there = json_read(path, SETTINGS_LIMIT);
    int status = there ? settings_compare(to, there, document) : -EXIT_DATA;
    json_decref(there);
    free(path);
    return status;
}

int folder_settle(const char *to, const json_t *settings, const struct strings *shards, const struct strings *from) {
    json_t *document = settings_document(settings, shards, from);
    char *path = settings_path(to);
    bool first = false;
    int status = file_exists(path) ? 0 : write_settings(to, document, &first);
    if (!status && !first) status = compare(to, document);
    json_decref(document);
    free(path);
    return status;
}

int folder_read(const char *to, json_t **settings, struct strings *shards) {
    char *path = settings_path(to);
    json_t *document = json_read(path, SETTINGS_LIMIT);
    int status = document ? settings_read(path, document, settings, shards) : -EXIT_DATA;
    json_decref(document);
    free(path);
    return status;
}
