#include "run/run_model.h"

#include <stdlib.h>

#include "base/file.h"
#include "run/pretrained.h"
#include "run/run_options.h"
#include "run/run_start.h"
#include "stage/stage.h"

// A run has its own copy of the configuration. Elsewhere weights bring theirs, unless --model was given.
static int model_path(char **path) {
    const bool given = option_given(&run_options_table, &run_options.model);
    if (!given && run_start.id[0]) {
        *path = xstrdup("model.json");
        return 0;
    }
    const bool from_weights = !given && run_options.pretrained;
    return model_resolve(path, from_weights ? NULL : run_options.model, run_options.pretrained);
}

int run_model_read(struct model_config *config) {
    char *path = NULL;
    int status = model_path(&path);
    if (!status) status = model_config_read(config, path);
    free(path);
    return status;
}

char *run_tokenizer(void) {
    const bool given = option_given(&run_options_table, &run_options.tokenizer);
    if (!given && run_start.id[0] && file_exists(PRETRAINED_TOKENIZER)) return xstrdup(PRETRAINED_TOKENIZER);
    if (run_options.tokenizer) return xstrdup(run_options.tokenizer);
    return run_options.pretrained ? pretrained_tokenizer(run_options.pretrained) : NULL;
}

int run_join(struct model_config *config, const struct option_table *table) {
    run_options_table.given = table->given;
    int status = run_start_read();
    if (!status) status = run_options_check();
    if (!status) status = run_model_read(config);
    if (!status) stage_identify(run_start.id, config->fingerprint);
    return status;
}
