// A line as soon as it is known, so that a cut evaluation leaves what it had.
#include "predictions.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

int predictions_open(struct predictions *predictions, enum task_kind task, const char *path) {
    *predictions = (struct predictions){.path = path, .task = task};
    if (!path) return 0;
    predictions->file = !strcmp(path, "-") ? stdout : fopen(path, "w");
    if (!predictions->file) return error(EXIT_RUN, "--predictions %s: %s", path, strerror(errno));
    if (task == TASK_VQA) fputs("[", predictions->file);
    return 0;
}

// The server wants the number that the questions' file has.
static json_t *question_id(const char *id) {
    char *end;
    errno = 0;
    const long long number = strtoll(id, &end, 10);
    return *id && !*end && !errno ? json_integer(number) : json_string(id);
}

static void add_answer(struct predictions *predictions, const char *id, const char *answer) {
    json_t *result = json_pack("{s:o, s:s}", "question_id", question_id(id), "answer", answer);
    char *text = json_dumps(result, JSON_COMPACT);
    fprintf(predictions->file, "%s\n%s", predictions->count ? "," : "", text);
    free(text);
    json_decref(result);
}

void predictions_add(struct predictions *predictions, struct span id, const char *label) {
    if (!predictions->file) return;
    char *name = xstrndup(id.size ? id.bytes : "", id.size);
    if (predictions->task == TASK_VQA)
        add_answer(predictions, name, label);
    else
        fprintf(predictions->file, predictions->task == TASK_NLVR2 ? "%s,%s\n" : "%s\t%s\n", name, label);
    predictions->count++;
    free(name);
}

int predictions_close(struct predictions *predictions) {
    FILE *file = predictions->file;
    if (!file) return 0;
    predictions->file = NULL;
    if (predictions->task == TASK_VQA) fputs("\n]\n", file);
    const bool failed = ferror(file) || (file == stdout ? fflush(file) : fclose(file));
    return failed ? error(EXIT_RUN, "--predictions %s: %s", predictions->path, strerror(errno)) : 0;
}
