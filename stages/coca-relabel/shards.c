// Names of shards say what they are: x.tar, x.tar.gz, x.jsonl, x.jsonl.gz, and folders as img2dataset's "files" writes
// them.
#include "shards.h"

#include <ctype.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "dataset/import/paths.h"
#include "folder.h"
#include "remote/object.h"

// What is packed is packed again alike.
static const char *const packings[] = {".gz", ".zst", ".xz", ".bz2"};
static const struct {
    const char *ending;
    enum shard_kind kind;
} endings[] = {{".tar", SHARD_TAR}, {".jsonl", SHARD_LINES}, {".ndjson", SHARD_LINES}};

// The file's name in a URL, in front of what a server is asked besides; of a command the first word that names a shard.
static char *own_name(const char *from) {
    switch (object_kind_of(from)) {
    case OBJECT_HTTP: {
        char *path = xstrndup(from, strcspn(from, "?#")), *name = xstrdup(path_base(path));
        free(path);
        return name;
    }
    case OBJECT_PIPE:
        for (const char *at = from + strlen("pipe:"); *at; at += strspn(at, " ")) {
            const size_t size = strcspn(at, " ");
            char *word = xstrndup(at, size), *bare = xstrndup(word, strcspn(word, "?#'\")"));
            char *name = xstrdup(path_base(bare));
            const bool is_shard = strstr(name, ".tar") || strstr(name, ".jsonl");
            free(word);
            free(bare);
            if (is_shard) return name;
            free(name);
            at += size;
        }
        return xstrdup("");
    default: return xstrdup(path_base(from));
    }
}

static size_t without(const char *name, size_t length, const char *ending) {
    const size_t size = strlen(ending);
    return length > size && !strncasecmp(name + length - size, ending, size) ? length - size : length;
}

// The length of the name without its endings; 0 where they say nothing.
static size_t read_endings(struct shard *shard) {
    const size_t whole = strlen(shard->own);
    size_t length = whole;
    for (size_t i = 0; i < sizeof packings / sizeof *packings && length == whole; i++) {
        length = without(shard->own, whole, packings[i]);
        if (length < whole) shard->packed = packings[i];
    }
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const size_t stem = without(shard->own, length, endings[i].ending);
        shard->kind = endings[i].kind;
        if (stem < length) return stem;
    }
    return 0;
}

static int cannot_become_tar(const struct shard *shard) {
    return error(EXIT_USAGE, "%s: --format tar is for tar shards: what others name or hold becomes JSON lines",
                 shard->from);
}

static int name_result(struct shard *shard, size_t stem, enum shard_format format) {
    const bool is_tar = shard->kind == SHARD_TAR;
    if (!is_tar && format == FORMAT_TAR) return cannot_become_tar(shard);
    shard->to_tar = is_tar && format != FORMAT_LINES;
    if (shard->kind == SHARD_FOLDER || is_tar != shard->to_tar)
        shard->name = xformat("%.*s.jsonl%s", (int)stem, shard->own, shard->packed ? shard->packed : "");
    else
        shard->name = xstrdup(shard->own);
    return 0;
}

static int describe(struct shard *shard, const char *from, enum shard_format format) {
    *shard = (struct shard){.from = xstrdup(from), .is_remote = object_kind_of(from) != OBJECT_FILE};
    size_t length = strlen(from);
    while (!shard->is_remote && length > 1 && from[length - 1] == '/') shard->from[--length] = 0;
    shard->own = own_name(shard->from);
    const bool is_folder = !shard->is_remote && directory_exists(shard->from);
    const size_t stem = is_folder ? strlen(shard->own) : read_endings(shard);
    if (is_folder) shard->kind = SHARD_FOLDER;
    if (stem && *shard->own != '.') return name_result(shard, stem, format);
    return error(EXIT_USAGE,
                 "--from %s: its name does not say what it is: .tar, .jsonl, also with .gz, .zst, .xz or .bz2, or a "
                 "folder",
                 from);
}

static int add(struct shards *shards, const char *from, enum shard_format format) {
    shards->item = xrealloc_array(shards->item, shards->count + 1, sizeof *shards->item);
    return describe(&shards->item[shards->count++], from, format);
}

static int add_pattern(struct shards *shards, const char *pattern, enum shard_format format) {
    glob_t found;
    int status = 0;
    if (glob(pattern, 0, NULL, &found)) return error(EXIT_USAGE, "--from %s: no such file or folder", pattern);
    for (size_t i = 0; i < found.gl_pathc && !status; i++) status = add(shards, found.gl_pathv[i], format);
    globfree(&found);
    return status;
}

static int add_path(struct shards *shards, const char *path, enum shard_format format) {
    const bool is_there = object_kind_of(path) != OBJECT_FILE || file_exists(path) || directory_exists(path);
    return is_there ? add(shards, path, format) : add_pattern(shards, path, format);
}

// A command may hold colons and braces of its own.
static int expand(struct strings *paths, const char *from) {
    if (object_kind_of(from) != OBJECT_PIPE) return paths_expand(paths, from);
    strings_add_text(paths, from);
    return 0;
}

// ---- two of one name

static int by_stats(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Of one stem there is one file of counts, so stems must differ too.
static int check_names(const struct shards *shards) {
    char **stats = xcalloc(shards->count + 1, sizeof *stats);
    int status = 0;
    for (size_t i = 0; i < shards->count; i++) stats[i] = folder_stats_name(shards->item[i].name);
    qsort(stats, shards->count, sizeof *stats, by_stats);
    for (size_t i = 1; i < shards->count && !status; i++)
        if (!strcmp(stats[i - 1], stats[i]))
            status = error(EXIT_USAGE,
                           "--from: two shards would both have %s: relabel them in two jobs with a --to of their own",
                           stats[i]);
    for (size_t i = 0; i < shards->count; i++) free(stats[i]);
    free(stats);
    return status;
}

int shards_find(struct shards *shards, const struct strings *from, enum shard_format format) {
    struct strings paths = {0};
    int status = 0;
    *shards = (struct shards){0};
    for (size_t i = 0; i < from->count && !status; i++) status = expand(&paths, from->item[i]);
    for (size_t i = 0; i < paths.count && !status; i++) status = add_path(shards, paths.item[i], format);
    if (!status && !shards->count) status = error(EXIT_USAGE, "--from SHARDS says what is to be relabelled");
    if (!status) status = check_names(shards);
    strings_release(&paths);
    return status;
}

void shards_release(struct shards *shards) {
    for (size_t i = 0; i < shards->count; i++) {
        free(shards->item[i].from);
        free(shards->item[i].name);
        free(shards->item[i].own);
    }
    free(shards->item);
    *shards = (struct shards){0};
}
