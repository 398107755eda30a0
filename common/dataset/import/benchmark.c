// A CLIP_benchmark tar root: train/ and test/, each with nshards.txt (a number) and 0.tar, 1.tar, …; or one of these
// folders. Of a root, test/ is read, as it is evaluated on. The shards are ordinary ones, so tar.c reads them; only
// names of suffixes differ.
#include <stdlib.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/lines.h"
#include "dataset/import/formats.h"

#define COUNT_BYTES_LIMIT 64
#define SHARDS_LIMIT 1000000

// The number of shards that `folder` has, −1 when it has no nshards.txt. 0 or -EXIT_DATA.
static int read_count(const char *folder, long *count) {
    struct buffer text = {0};
    char *path = path_join(folder, "nshards.txt"), *end = NULL;
    *count = -1;
    int status = file_exists(path) ? file_read(path, COUNT_BYTES_LIMIT, &text) : 0;
    if (text.size) *count = strtol(text.bytes + lines_mark(text.bytes, text.size), &end, 10);
    while (end && (*end == '\n' || *end == '\r' || *end == ' ')) end++;
    if (text.size && (end == text.bytes || *end || *count < 1 || *count > SHARDS_LIMIT))
        status = error(EXIT_DATA, "%s: is not the number of shards", path);
    buffer_release(&text);
    free(path);
    return status;
}

// The first shard that cannot be read ends the import: the number says that it must be there.
static int read_shards(struct importer *importer, const char *folder, long count) {
    int status = 0;
    for (long i = 0; i < count && !status; i++) {
        char *path = xformat("%s/%ld.tar", folder, i);
        status = import_tar.run(importer, path);
        free(path);
    }
    return status;
}

static int run(struct importer *importer, const char *path) {
    char *test = path_join(path, "test");
    const char *folder = path;
    long count;
    int status = read_count(folder, &count);
    if (!status && count < 0) status = read_count(folder = test, &count);
    if (!status && count < 0)
        status =
            error(EXIT_DATA, "%s: neither it nor its folder test has nshards.txt: no tar root of CLIP_benchmark", path);
    if (!status) status = read_shards(importer, folder, count);
    free(test);
    return status;
}

const struct import_format import_benchmark = {
    .name = "clip-benchmark",
    .summary = "a tar root of CLIP_benchmark (its test/), or one of its folders with nshards.txt",
    .keys = "suffixes",
    .has_suffixes = true,
    .image_key = "webp;png;jpg;jpeg",
    .caption_key = "txt",
    .class_key = "cls",
    .run = run,
};
