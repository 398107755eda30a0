#include "run/results.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "run/run_options.h"

#define RESULTS_LIMIT (64 << 20)

struct results_options results_options;

#define FIELD(member) offsetof(struct results_options, member)
static const struct option rows[] = {
    {NULL, OPTION_FLAG, 0, NULL, NULL, 0, 0, "Data and results", 0},
    {"data", OPTION_TEXT, FIELD(data), "DIR", NULL, 0, 0, "the dataset", OPTION_LOCAL},
    {"dataset", OPTION_TEXT, FIELD(dataset), "NAME", NULL, 0, 0,
     "its name in the results; the last two folders of --data when left out", OPTION_LOCAL},
    {"results", OPTION_TEXT, FIELD(results), "FILE", NULL, 0, 0, "merge the result into this list (results.json)",
     OPTION_LOCAL},
    {"step", OPTION_INT, FIELD(step), "N", "-1", -1, 1e15, "of the checkpoint; kept with the result unless -1",
     OPTION_LOCAL},
};
struct option_table results_options_table = {rows, sizeof rows / sizeof *rows, &results_options, NULL};

// "data/fashion-mnist/test/" → "fashion-mnist/test"; the caller frees.
static char *last_two_folders(const char *path) {
    size_t end = strlen(path), slashes = 0;
    while (end > 1 && path[end - 1] == '/') end--;
    size_t begin = end;
    while (begin && (path[begin - 1] != '/' || ++slashes < 2)) begin--;
    return xstrndup(path + begin, end - begin);
}

// "data/models/tiny.json" → "tiny"; the caller frees.
static char *model_name(void) {
    char *name = xstrdup(path_base(run_options.model)), *ending = strstr(name, ".json");
    if (ending) *ending = 0;
    return name;
}

static json_t *make_result(const char *task, json_t *metrics, json_t *chance) {
    char *folders = last_two_folders(results_options.data ? results_options.data : ""), *model = model_name();
    const char *dataset = results_options.dataset ? results_options.dataset : folders;
    const char *pretrained = run_options.pretrained ? run_options.pretrained : "";
    json_t *result = json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:o}", "dataset", dataset, "model", model, "pretrained",
                               pretrained, "task", task, "metrics", metrics, "language", "en", "chance", chance);
    if (result && results_options.step >= 0) json_object_set_new(result, "step", json_integer(results_options.step));
    free(folders);
    free(model);
    return result;
}

static bool is_same_measurement(const json_t *a, const json_t *b) {
    static const char *const keys[] = {"dataset", "model", "pretrained", "task", "step"};
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

int results_say(const char *task, json_t *metrics, json_t *chance) {
    json_t *result = make_result(task, metrics, chance);
    if (!result) return error(EXIT_DATA, "names of dataset, model and weights must be UTF-8");
    char *line = json_dumps(result, JSON_REAL_PRECISION(15));
    int status = puts(line) < 0 || fflush(stdout) ? error(EXIT_RUN, "stdout: %s", strerror(errno)) : 0;
    if (!status && results_options.results) status = merge(results_options.results, result);
    free(line);
    json_decref(result);
    return status;
}
