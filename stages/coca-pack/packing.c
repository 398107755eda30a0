// The way from an importer to a dataset. import.c reads samples and hands them to take_sample, pipeline.c runs
// fitness.c over them in threads, retire writes them in order (output.c). A sample's number in the input decides
// everything about it (held out or not), so the result does not depend on threads. pack.c and index.c call it.
#include "packing.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/file.h"
#include "exclude.h"
#include "lists.h"
#include "output.h"
#include "pipeline.h"
#include "stage/option_rows.h"
#include "stage/progress.h"
#include "text/class_prompts.h"

enum { CAPTION_LINES_ALL, CAPTION_LINES_FIRST };

#define FIELD(member) offsetof(struct packing_options, member)
static const struct option rows[] = {
    HEADING("The dataset"),
    TEXT("to", to, "DIR", NULL, "the dataset to write", 0),
    FLAG("replace", replace, "write a dataset anew that exists", 0),
    INT("limit", limit, "SAMPLES", "0", 0, 1e15, "stop after so many of the input; 0: read all", 0),
    TEXT("exclude", exclude, "FILE", NULL,
         "leave out the samples that its first column names, by id or #NUMBER: a list of coca-pack dedup", 0),
    INT("shard-records", shard_records, "RECORDS", "100000", 1, 2147483647, "in one shard file", 0),
    HEADING("What a sample is made of (keys are lists separated by \";\")"),
    TEXT("image-key", image_key, "KEYS", NULL, "column, field or suffixes of the picture; the first there is", 0),
    TEXT("caption-key", caption_key, "KEYS", NULL, "columns, fields or suffixes of captions; each gives captions", 0),
    TEXT("text-key", text_key, "KEYS", NULL, "another name of --caption-key", 0),
    TEXT("label-key", label_key, "KEYS", NULL, "the same of label names", 0),
    TEXT("class-key", class_key, "KEYS", NULL, "column, field or suffix of the class, a whole number from 0", 0),
    TEXT("json-text-key", json_text_key, "FIELD", NULL, "tar: captions come from this field of the .json member", 0),
    CHOICE("caption-lines", caption_lines, "all|first", "all",
           "a text file's captions: every line that is not empty, or the first", 0),
    TEXT("class-names", class_names, "FILE", NULL,
         "line n is the name of class n, from 0, or a JSON list: a class becomes a label, too", 0),
    HEADING("What is fit"),
    {"verify", OPTION_FLAG, FIELD(verify), NULL, "true", 0, 0, "decode every picture and video", 0},
    INT("max-picture-bytes", max_picture_bytes, "BYTES", "256M", 1, RECORD_BYTES_LIMIT,
        "leave out pictures whose file is larger, unread", 0),
    INT("max-pixels", max_pixels, "PIXELS", "0", 0, 1e10,
        "leave out pictures with more (width times height), undecoded; 0: no limit but the decoder's", 0),
    INT("workers", workers, "THREADS", "0", 0, 1024, "decoding at a time; 0: as many as there are cores", 0),
};

struct option_table packing_option_table(struct packing_options *options) {
    return OPTION_TABLE(rows, options);
}

struct packing {
    const struct packing_order *order;
    const struct packing_options *options;
    struct output train, held_out; // all zero when nothing is held out
    struct pipeline *pipeline;
    struct progress *progress;
    int64_t samples; // read so far
    struct strings found_classes;
    struct answers answers;
    struct exclude *exclude; // NULL: nothing
    struct import_options import;
};

enum { LIMIT_REACHED = 1 }; // what the sink returns at --limit

static volatile sig_atomic_t caught;

// The second one leaves at once; what is aside is swept by the next run.
static void catch_signal(int number) {
    if (caught) _exit(128 + number);
    caught = number;
}

// A signal ends the import with its own code, between samples and rows: what is under way is finished and thrown away.
static int stopped(void) {
    return caught ? -(128 + caught) : 0;
}

static int take_sample(void *context, const struct import_sample *sample) {
    struct packing *packing = context;
    if (caught) return stopped();
    struct job *job = pipeline_next(packing->pipeline);
    if (!job) return pipeline_drain(packing->pipeline);
    const bool excluded = exclude_has(packing->exclude, sample->record.id, packing->samples);
    if (!excluded) answers_add(&packing->answers, &sample->record);
    job_fill(job, packing->samples++, sample);
    if (excluded) job_drop(job, DROP_EXCLUDED, "");
    pipeline_put(packing->pipeline);
    return packing->samples == packing->options->limit ? LIMIT_REACHED : 0;
}

// By the number in the input, before anything is left out: the same samples are held out whatever is fit.
static int retire(struct job *job, void *context) {
    struct packing *packing = context;
    progress_set(packing->progress, job->number + 1, NULL);
    const int64_t hold_out = packing->order->hold_out;
    const bool held_out = hold_out && job->number % hold_out == hold_out - 1;
    return output_add(held_out ? &packing->held_out : &packing->train, job);
}

static int read_all(struct packing *packing, const struct strings *class_names, const struct strings *paths) {
    const struct packing_options *options = packing->options;
    struct import_options *import = &packing->import;
    *import = packing->order->import;
    import->image_key = options->image_key;
    import->caption_key = options->caption_key ? options->caption_key : options->text_key;
    import->label_key = options->label_key;
    import->class_key = options->class_key;
    import->json_text_key = options->json_text_key;
    import->class_names = class_names->count ? class_names : NULL;
    import->found_classes = &packing->found_classes;
    import->stopped = stopped;
    import->max_picture_bytes = options->max_picture_bytes;
    import->first_line = options->caption_lines == CAPTION_LINES_FIRST;
    store_writer_keys(packing->train.writer, import);
    int status = import_run(packing->order->format, import, paths, take_sample, packing);
    return status == LIMIT_REACHED ? 0 : status;
}

static int open_outputs(struct packing *packing) {
    const struct packing_options *options = packing->options;
    const struct packing_order *order = packing->order;
    int status = output_open(&packing->train, options->to, options->shard_records, options->replace);
    if (!status && order->hold_out)
        status = output_open(&packing->held_out, order->held_out_to, options->shard_records, options->replace);
    return status;
}

static int pack_all(struct packing *packing, const struct strings *class_names, const struct strings *paths) {
    struct fitness fitness = packing->order->fitness;
    fitness.verify = packing->options->verify;
    fitness.max_pixels = packing->options->max_pixels;
    packing->progress = progress_new("packing", packing->options->limit, "samples");
    packing->pipeline =
        pipeline_new((int)packing->options->workers, (struct pipeline_calls){fit, &fitness, retire, packing});
    int status = read_all(packing, class_names, paths);
    if (!status) status = pipeline_drain(packing->pipeline);
    pipeline_free(&packing->pipeline);
    progress_done(&packing->progress);
    if (!status) status = stopped();
    return status;
}

// Before the datasets have their names, which stand for whole ones.
static int add_lists(const struct packing *packing, const struct strings *class_names, const struct strings *paths) {
    const struct packing_order *order = packing->order;
    const struct lists lists = {!strcmp(order->format->name, "clip-benchmark"),
                                !strcmp(order->format->name, "dataset"),
                                paths,
                                class_names->count ? class_names : &packing->found_classes,
                                &packing->answers,
                                order->min_answers};
    int status = lists_write(&lists, store_writer_path(packing->train.writer));
    if (!status && order->hold_out) status = lists_write(&lists, store_writer_path(packing->held_out.writer));
    return status;
}

// Nothing is held out when there are fewer samples than K. What was packed is kept, as it may have taken hours; but not
// beside a dataset of before, whose pictures may be among what is trained on now.
static int commit_held_out(struct packing *packing) {
    const struct packing_order *order = packing->order;
    if (packing->samples >= order->hold_out) return output_commit(&packing->held_out);
    if (directory_exists(order->held_out_to))
        return error(EXIT_DATA, "--hold-out %lld: there are only %lld samples, none is held out, and %s is of before",
                     (long long)order->hold_out, (long long)packing->samples, order->held_out_to);
    warn("--hold-out %lld: there are only %lld samples, so none is held out, and %s is not written; "
         "give a smaller number",
         (long long)order->hold_out, (long long)packing->samples, order->held_out_to);
    output_abandon(&packing->held_out);
    return 0;
}

// The dataset that is named first is renamed last: if it is there, so is the other.
static int write_outputs(const struct packing_order *order, const struct strings *class_names,
                         const struct strings *paths) {
    struct packing packing = {.order = order, .options = order->options};
    int status = packing.options->exclude ? exclude_read(&packing.exclude, packing.options->exclude) : 0;
    if (!status) status = open_outputs(&packing);
    if (!status) status = pack_all(&packing, class_names, paths);
    if (!status) status = add_lists(&packing, class_names, paths);
    if (!status && order->hold_out) status = commit_held_out(&packing);
    if (!status) status = output_commit(&packing.train);
    if (!status) exclude_report(packing.exclude);
    exclude_free(&packing.exclude);
    output_abandon(&packing.train);
    output_abandon(&packing.held_out);
    strings_release(&packing.found_classes);
    answers_release(&packing.answers);
    return status;
}

int packing_run(const struct packing_order *order, const struct strings *paths) {
    const struct packing_options *options = order->options;
    struct strings class_names = {0}, no_sets = {0};
    int status = options->to ? 0 : error(EXIT_USAGE, "--to is missing: the directory to write");
    if (!status && options->caption_key && options->text_key)
        status = error(EXIT_USAGE, "--caption-key and --text-key are one option; give it once");
    if (!status && options->class_names) status = class_names_read(&class_names, options->class_names, &no_sets);
    signal(SIGINT, catch_signal);
    signal(SIGTERM, catch_signal);
    if (!status) status = write_outputs(order, &class_names, paths);
    strings_release(&class_names);
    return status;
}
