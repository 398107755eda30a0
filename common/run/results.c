// How an evaluation says its result: coca-score's commands and coca-loss --evaluate, all in the layout that
// CLIP_benchmark writes, so that its tools read them. Several evaluations of one run may end at once and share a list.
#include "run/results.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "stage/option_rows.h"

#define RESULTS_LIMIT (64 << 20)

#define FIELD(member) offsetof(struct results_options, member)
static const struct option rows[] = {
    HEADING("Data and results"),
    TEXT("data", data, "DIR", NULL, "the dataset", OPTION_LOCAL),
    TEXT("dataset", dataset, "NAME", NULL, "its name in the results; the last two folders of --data when left out",
         OPTION_LOCAL),
    TEXT("results", results, "FILE", NULL, "merge the result into this list (results.json)",
         OPTION_LOCAL | OPTION_OUTPUT),
    INT("step", step, "N", "-1", -1, 1e15, "of the checkpoint; kept with the result unless -1", OPTION_LOCAL),
};

struct option_table results_options_table(struct results_options *options) {
    return OPTION_TABLE(rows, options);
}

// "data/fashion-mnist/test/" → "fashion-mnist/test"; the caller frees.
static char *last_two_folders(const char *path) {
    size_t end = strlen(path), slashes = 0;
    while (end > 1 && path[end - 1] == '/') end--;
    size_t begin = end;
    while (begin && (path[begin - 1] != '/' || ++slashes < 2)) begin--;
    return xstrndup(path + begin, end - begin);
}

// "data/models/tiny.json" → "tiny"; the caller frees.
static char *model_name(const struct run *run) {
    char *name = xstrdup(path_base(run->options.model));
    if (text_ends_alike(name, ".json")) name[strlen(name) - strlen(".json")] = 0;
    return name;
}

static json_t *make_result(const struct run *run, const struct results_options *options, const char *task,
                           json_t *metrics, json_t *chance) {
    char *folders = last_two_folders(options->data ? options->data : ""), *model = model_name(run);
    const char *dataset = options->dataset ? options->dataset : folders;
    const char *pretrained = run->options.pretrained ? run->options.pretrained : "";
    json_t *result = json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:o*}", "dataset", dataset, "model", model, "pretrained",
                               pretrained, "task", task, "metrics", metrics, "language", "en", "chance", chance);
    if (result && options->step >= 0) json_object_set_new(result, "step", json_integer(options->step));
    if (options->settings) json_object_set_new(result, "settings", options->settings);
    free(folders);
    free(model);
    return result;
}

static bool is_same_measurement(const json_t *a, const json_t *b) {
    static const char *const keys[] = {"dataset", "model", "pretrained", "task", "step", "settings"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *x = json_object_get(a, keys[i]), *y = json_object_get(b, keys[i]);
        if (x != y && !json_equal(x, y)) return false;
    }
    return true;
}

static int merge_into(const char *path, json_t *result) {
    json_t *list = file_exists(path) ? json_read(path, RESULTS_LIMIT) : json_array();
    if (!list) return -EXIT_DATA;
    int status = json_is_array(list) ? 0 : error(EXIT_DATA, "%s: is not a list of results", path);
    for (size_t i = json_array_size(list); i-- > 0;)
        if (is_same_measurement(json_array_get(list, i), result)) json_array_remove(list, i);
    if (!status) {
        json_array_append(list, result);
        status = json_write(path, list);
    }
    json_decref(list);
    return status;
}

// Evaluations may end at the same time: the folder is locked while the list is read and written.
static int merge(const char *path, json_t *result) {
    char *folder = path_parent(path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status;
    if (fd < 0 || flock(fd, LOCK_EX))
        status = error(EXIT_RUN, "%s: cannot be locked: %s", folder, strerror(errno));
    else
        status = merge_into(path, result);
    if (fd >= 0) close(fd);
    free(folder);
    return status;
}

int results_say(const struct run *run, const struct results_options *options, const char *task, json_t *metrics,
                json_t *chance) {
    json_t *result = make_result(run, options, task, metrics, chance);
    if (!result) return error(EXIT_DATA, "names of dataset, model and weights must be UTF-8");
    char *line = json_shown(result, JSON_REAL_PRECISION(15));
    int status = puts(line) < 0 || fflush(stdout) ? error(EXIT_RUN, "stdout: %s", strerror(errno)) : 0;
    if (!status && options->results) status = merge(options->results, result);
    free(line);
    json_decref(result);
    return status;
}
