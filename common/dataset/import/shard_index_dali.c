// The text that DALI's wds2idx writes: "v1.2 SAMPLES", then a line for each sample with SUFFIX OFFSET SIZE NAME of each
// member, or, in v1.1, without NAME. Offsets are of members' bytes.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/lines.h"
#include "dataset/import/shard_index.h"

static int refuse(const struct shard_index *index, const struct lines *lines, const char *why) {
    return error(EXIT_DATA, "%s: line %lld: %s; make it anew, or --scan reads the shard instead", index->path,
                 (long long)lines->number, why);
}

// The next word of a line that is taken apart; "" at its end.
static char *next_word(char **at) {
    *at += strspn(*at, " \t");
    char *word = *at;
    *at += strcspn(*at, " \t");
    if (**at) *(*at)++ = 0;
    return word;
}

static bool next_number(char **at, int64_t *number) {
    char *word = next_word(at), *end;
    errno = 0;
    *number = strtoll(word, &end, 10);
    return *word && !*end && !errno && *number >= 0;
}

static bool take_members(struct shard_index *index, struct importer *importer, char *line, bool has_names) {
    if (!has_names) shard_index_begin(index);
    while (line[strspn(line, " \t")]) {
        struct indexed_member member = {.suffix = next_word(&line)};
        if (!next_number(&line, &member.offset) || !next_number(&line, &member.length)) return false;
        if (has_names && !*(member.name = next_word(&line))) return false;
        if (!shard_index_member(index, importer, &member)) return false;
    }
    return true;
}

int shard_index_dali(struct shard_index *index, struct importer *importer, const struct buffer *text) {
    const char *bytes;
    size_t size;
    struct lines lines;
    int version = 0, status = 0;
    long long samples = -1;
    lines_begin(&lines, text->bytes, text->size);
    lines_next(&lines, &bytes, &size);
    if (sscanf(bytes, "v1.%d %lld", &version, &samples) != 2 || version < 1 || version > 2)
        return refuse(index, &lines, "is not \"v1.1\" or \"v1.2\" with a number of samples");
    while (!status && lines_next(&lines, &bytes, &size)) {
        char *line = xstrndup(bytes, size);
        if (!take_members(index, importer, line, version == 2))
            status = refuse(index, &lines, "is no list of members in the order of a tar");
        free(line);
    }
    const int64_t found = lines.number - 1;
    if (!status && found != samples) status = refuse(index, &lines, "the number of samples is another; it is cut");
    return status;
}
