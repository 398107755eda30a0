// Which files a process takes configuration and vocabulary from: the run's own copies, unless others were typed.
#include "run/run_model.h"

#include <stdlib.h>

#include "base/file.h"
#include "run/pretrained.h"

// A run has its own copy of the configuration. Elsewhere weights bring theirs, unless --model was given.
static int model_path(const struct run *run, char **path) {
    const struct run_options *o = &run->options;
    const bool given = option_given(&run->table, &o->model);
    if (!given && run->start.id[0]) {
        *path = xstrdup("model.json");
        return 0;
    }
    const bool from_weights = !given && o->pretrained;
    return model_resolve(path, from_weights ? NULL : o->model, o->pretrained);
}

int run_model_read(const struct run *run, struct model_config *config) {
    char *path = NULL;
    int status = model_path(run, &path);
    if (!status) status = model_config_read(config, path);
    free(path);
    return status;
}

char *run_tokenizer(const struct run *run) {
    const struct run_options *o = &run->options;
    const bool given = option_given(&run->table, &o->tokenizer);
    if (!given && run->start.id[0] && file_exists(PRETRAINED_TOKENIZER)) return xstrdup(PRETRAINED_TOKENIZER);
    if (o->tokenizer) return xstrdup(o->tokenizer);
    return o->pretrained ? pretrained_tokenizer(o->pretrained) : NULL;
}
