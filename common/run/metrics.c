// One line of numbers for each step, appended by loss, and the same line as losses.json of a dump. On resume logs are
// cut back to the checkpoint (run_directory.c): what follows it is going to be written again.
#include "run/metrics.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

static void set_real(json_t *line, const char *key, double value) {
    json_object_set_new(line, key, json_double(value));
}

static void set_loss(json_t *line, const struct metrics_loss *loss) {
    char *key = xformat("%s_loss", loss->name);
    set_real(line, key, loss->loss);
    free(key);
}

// A loss that the run is without is not a number.
static void add_finite(struct buffer *text, const char *name, double loss) {
    if (isfinite(loss)) buffer_format(text, "%s%s %.4f", text->size ? ", " : "", name, loss);
}

char *metrics_losses(const struct metrics *metrics) {
    struct buffer text = {0};
    add_finite(&text, "contrastive", metrics->contrastive_loss);
    for (int i = 0; i < metrics->reported_count; i++)
        add_finite(&text, metrics->reported[i].name, metrics->reported[i].loss);
    return text.bytes ? text.bytes : xstrdup("");
}

char *metrics_format(const struct metrics *metrics) {
    json_t *line = json_pack("{s:I, s:I}", "step", (json_int_t)metrics->step, "samples", (json_int_t)metrics->samples);
    set_real(line, "loss", metrics->loss);
    set_real(line, "contrastive_loss", metrics->contrastive_loss);
    for (int i = 0; i < metrics->reported_count; i++) set_loss(line, &metrics->reported[i]);
    set_real(line, "logit_scale", metrics->logit_scale);
    if (metrics->biased) set_real(line, "logit_bias", metrics->logit_bias);
    set_real(line, "lr", metrics->lr);
    set_real(line, "grad_norm", metrics->grad_norm);
    for (int i = 0; i < metrics->reported_count; i++)
        if (metrics->reported[i].count)
            json_object_set_new(line, metrics->reported[i].count, json_integer(metrics->reported[i].counted));
    set_real(line, "samples_per_second", metrics->samples_per_second);
    if (metrics->skipped) json_object_set_new(line, "skipped", json_true());
    char *text = json_dumps(line, JSON_REAL_PRECISION(17));
    json_decref(line);
    return text;
}

int metrics_append(const char *path, const struct metrics *metrics) {
    char *line = metrics_format(metrics);
    FILE *file = fopen(path, "a");
    bool written = file && fprintf(file, "%s\n", line) > 0;
    if (file && fclose(file)) written = false;
    int status = written ? 0 : error(EXIT_RUN, "%s: cannot be written: %s", path, strerror(errno));
    free(line);
    return status;
}

// The "step" of one line, −1 when it is not whole.
static int64_t step_of_line(const char *line, size_t length) {
    json_t *object = json_loadb(line, length, 0, NULL);
    const json_t *step = json_object_get(object, "step");
    int64_t value = json_is_integer(step) ? json_integer_value(step) : -1;
    json_decref(object);
    return value;
}

int jsonl_cut(const char *path, int64_t steps) {
    struct buffer text = {0};
    size_t kept = 0;
    if (!file_exists(path)) return 0;
    int status = file_read(path, SIZE_MAX, &text);
    while (!status && kept < text.size) {
        const char *line = text.bytes + kept, *end = memchr(line, '\n', text.size - kept);
        int64_t step = end ? step_of_line(line, (size_t)(end - line)) : -1;
        if (step < 0 || step >= steps) break;
        kept += (size_t)(end - line) + 1;
    }
    if (!status && kept < text.size) status = file_write(path, text.bytes, kept);
    buffer_release(&text);
    return status;
}

int64_t jsonl_steps(const char *path) {
    char text[1 << 16];
    int64_t steps = 0;
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    if (fseek(file, -(long)sizeof text, SEEK_END)) rewind(file);
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    for (const char *line = text, *end; (end = memchr(line, '\n', size - (size_t)(line - text))); line = end + 1) {
        int64_t step = step_of_line(line, (size_t)(end - line));
        if (step >= 0) steps = step + 1;
    }
    return steps;
}
