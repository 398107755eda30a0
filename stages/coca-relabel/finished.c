#include "finished.h"

#include <stdlib.h>

#include "base/file.h"

struct side {
    struct shards shards; // one
    struct plain plain;
    struct source *source;
};
struct finished {
    struct side written, input; // input.source NULL: none is gone through
};

static int open_side(struct side *side, const char *from, const char *scratch, enum source_pass pass) {
    struct strings names = {0};
    strings_add_text(&names, from);
    int status = shards_find(&side->shards, &names, FORMAT_LIKE_INPUT);
    strings_release(&names);
    if (status) return status;
    status = plain_open(&side->plain, &side->shards.item[0], scratch);
    return status ? status : source_open(&side->source, &side->shards.item[0], &side->plain, pass);
}

static void close_side(struct side *side) {
    source_close(&side->source);
    plain_close(&side->plain);
    shards_release(&side->shards);
}

// Both may have the same name.
static int open_input(struct finished *finished, const char *from, const char *scratch) {
    char *folder = path_join(scratch, "input");
    int status = open_side(&finished->input, from, folder, SOURCE_LISTS);
    free(folder);
    return status;
}

int finished_open(struct finished **finished, const char *to, const char *name, const char *from, const char *scratch) {
    struct finished *new = *finished = xcalloc(1, sizeof *new);
    char *path = path_join(to, name);
    int status = open_side(&new->written, path, scratch, SOURCE_WRITES);
    free(path);
    if (!status && from && new->written.shards.item[0].kind == SHARD_LINES) status = open_input(new, from, scratch);
    if (status) finished_close(finished);
    return status;
}

void finished_close(struct finished **finished) {
    struct finished *old = *finished;
    if (!old) return;
    close_side(&old->written);
    close_side(&old->input);
    free(old);
    *finished = NULL;
}

// Members that belong to no sample are none.
static int next_one(struct source *source, const struct sample **sample) {
    int status;
    while ((status = source_next(source, sample)) == 1 && !(*sample)->is_one) continue;
    return status;
}

int finished_next(struct finished *finished, struct finished_sample *sample) {
    int status = next_one(finished->written.source, &sample->written);
    sample->picture = finished->written.shards.item[0].kind == SHARD_TAR ? sample->written : NULL;
    if (status == 1 && finished->input.source) status = next_one(finished->input.source, &sample->picture);
    return status;
}
