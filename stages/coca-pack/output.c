// A dataset while it is packed, and the account of what was left out: every drop has a line in dropped.jsonl, inside
// the dataset, with the sample's number and name, so that it can be looked up and put right. pack.c feeds it, in the
// order of the input, whatever thread finished first; so equal input makes equal datasets.
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/json.h"
#include "text_json.h"

#define DROPPED_FILE "dropped.jsonl"

int output_open(struct output *output, const char *directory, int64_t records_per_shard, bool replace) {
    *output = (struct output){.directory = directory};
    return store_writer_open(&output->writer, directory, records_per_shard, replace);
}

// Made with the first line only: a dataset from which nothing was left out has no such file.
static int open_list(struct output *output) {
    char *path = path_join(store_writer_path(output->writer), DROPPED_FILE);
    output->dropped = fopen(path, "w");
    int status = output->dropped ? 0 : error(EXIT_RUN, "%s: cannot be written: %s", path, strerror(errno));
    free(path);
    return status;
}

// Takes the line over.
static int list(struct output *output, json_t *line) {
    int status = output->dropped ? 0 : open_list(output);
    if (!status) {
        char *text = json_shown(line, JSON_COMPACT);
        fprintf(output->dropped, "%s\n", text);
        free(text);
    }
    json_decref(line);
    return status;
}

static json_t *line_of(const struct job *job, enum drop drop) {
    return json_pack("{s:I, s:o, s:s}", "sample", (json_int_t)job->number, "name",
                     name_json((struct span){job->name.bytes, job->name.size}), "reason", drop_words(drop));
}

static int drop_sample(struct output *output, const struct job *job) {
    json_t *line = line_of(job, job->drop);
    if (job->detail.size)
        json_object_set_new(line, "detail", name_json((struct span){job->detail.bytes, job->detail.size}));
    output->sample_drops[job->drop]++;
    return list(output, line);
}

// A sample that stays may lose some texts: each has a line, with its place in the field, and is counted apart.
static int drop_texts(struct output *output, const struct job *job) {
    int status = 0;
    for (int i = 0; i < job->text_drops && !status; i++) {
        const struct text_drop *drop = &job->text_drop[i];
        json_t *line = line_of(job, drop->drop);
        json_object_set_new(line, drop->field, json_integer(drop->index));
        output->text_drops[drop->drop]++;
        status = list(output, line);
    }
    return status;
}

// A sample is in the dataset or in the list, and a sample that lost texts is in both.
int output_add(struct output *output, const struct job *job) {
    if (job->drop) return drop_sample(output, job);
    int status = drop_texts(output, job);
    if (status) return status;
    return job->origin.object ? store_writer_place(output->writer, &job->record, &job->origin)
                              : store_writer_add(output->writer, &job->record);
}

// Appends "; left out: 3 samples (unreadable: 2, no picture: 1)"; nothing when there are none.
static void append_counts(struct buffer *text, const char *what, const int64_t counts[DROPS]) {
    int64_t sum = 0;
    for (int i = 0; i < DROPS; i++) sum += counts[i];
    if (!sum) return;
    buffer_format(text, "; left out: %lld %s (", (long long)sum, what);
    const char *separator = "";
    for (int i = 0; i < DROPS; i++)
        if (counts[i]) {
            buffer_format(text, "%s%s: %lld", separator, drop_words((enum drop)i), (long long)counts[i]);
            separator = ", ";
        }
    buffer_text(text, ")");
}

// The last line of a long job: what is in it, what is not, and where that is listed.
static void report(const struct output *output, int64_t records, bool listed) {
    struct buffer text = {0};
    append_counts(&text, "samples", output->sample_drops);
    append_counts(&text, "texts of other samples", output->text_drops);
    if (listed) buffer_format(&text, ", listed in %s/%s", output->directory, DROPPED_FILE);
    note("%s: %lld records%s", output->directory, (long long)records, text.bytes ? text.bytes : "");
    buffer_release(&text);
}

static int close_list(struct output *output) {
    if (!output->dropped) return 0;
    const bool failed = ferror(output->dropped);
    const bool unclosed = fclose(output->dropped);
    output->dropped = NULL;
    return failed || unclosed ? error(EXIT_RUN, "%s: %s cannot be written", output->directory, DROPPED_FILE) : 0;
}

// An empty dataset helps nobody: the reasons say which option was wrong.
static int check_any(const struct output *output, int64_t records) {
    if (records) return 0;
    struct buffer text = {0};
    append_counts(&text, "samples", output->sample_drops);
    int status = error(EXIT_DATA, "%s: no sample is fit%s", output->directory, text.bytes ? text.bytes : "");
    buffer_release(&text);
    return status;
}

// The list first: it is in the directory that the commit gives its name.
int output_commit(struct output *output) {
    const int64_t records = store_writer_count(output->writer);
    const bool listed = output->dropped;
    int status = check_any(output, records);
    if (!status) status = close_list(output);
    if (!status) status = store_writer_commit(&output->writer);
    if (!status) report(output, records, listed);
    return status;
}

void output_abandon(struct output *output) {
    if (output->dropped) fclose(output->dropped);
    output->dropped = NULL;
    store_writer_abandon(&output->writer);
}
