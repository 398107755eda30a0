// A shard in hand. What came of its pictures lies in `to` itself, so that any host can go on with it; a shard that goes
// to a server has it in the scratch folder, and begins anew with another job.
#include "relabel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "folder.h"

static int open_results(struct work *work, const struct relabel *self) {
    char *path = path_join(work->aside, "results");
    char *identity = xformat("%s, %s", work->plain.identity, self->settings);
    int status = results_open(&work->results, path, identity, &self->output.form, &work->taken_over);
    free(path);
    free(identity);
    return status;
}

int work_open(struct work **work, struct relabel *self, const struct shard *shard) {
    struct work *new = *work = xcalloc(1, sizeof *new);
    new->shard = shard;
    new->aside = xformat("%s/" FOLDER_ASIDE "/%s", self->here, shard->name);
    int status = plain_open(&new->plain, shard, self->scratch);
    if (!status) status = directory_make(new->aside);
    if (!status) status = open_results(new, self);
    if (status) work_close(work);
    return status;
}

void work_close(struct work **work) {
    struct work *old = *work;
    if (!old) return;
    results_close(&old->results);
    plain_close(&old->plain);
    free(old->aside);
    free(old);
    *work = NULL;
}
