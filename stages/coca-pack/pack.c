// coca-pack pack: pictures with texts in, a dataset out. It joins what others do: import.c reads samples and hands them
// to take_sample, pipeline.c runs fitness.c over them in threads, retire writes them in order (output.c). A sample's
// number in the input decides everything about it (held out or not), so the result does not depend on threads.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/file.h"
#include "commands.h"
#include "exclude.h"
#include "fitness.h"
#include "lists.h"
#include "output.h"
#include "pipeline.h"
#include "stage/option_rows.h"
#include "stage/progress.h"
#include "text/class_prompts.h"

static const char manual[] =
    "Reads pictures with texts and writes them as a dataset: a directory with dataset.json and LMDB shards,\n"
    "described in data/README.md. The directory appears when it is complete. PATH is a file or folder, \"-\" for\n"
    "stdin; several may be given, joined by \"::\" too, and {00000..00329} is a range. `coca-pack formats` lists\n"
    "the formats. Rows of a list that name the same picture become one record with all their captions.\n"
    "\n"
    "Every picture is decoded, and every video (mp4, webm, mkv, avi or mov by its bytes, kept as it came) to its end.\n"
    "What does not decode, lacks a picture or a text, or has texts that are empty, hold NUL or are not UTF-8 is left\n"
    "out and listed, by name and reason, in dropped.jsonl inside the dataset. Class names that a format knows or\n"
    "--class-names gives lie in it as classnames.txt, answers to questions as answers.txt: line n is class n, from 0. A\n"
    "tar root of CLIP_benchmark gives its templates, too, which zero-shot evaluation looks for.\n"
    "\n"
    "Examples:\n"
    "  coca-pack pack --from folder pictures --to data/mine\n"
    "  coca-pack pack --from csv list.tsv --caption-key \"title;tags\" --to data/train --hold-out 10 --held-out-to data/test\n"
    "  coca-pack pack --from tar \"cc3m/{00000..00329}.tar\" --resize 256 --quality 90 --to data/cc3m\n"
    "  coca-pack pack --from clip-benchmark wds/cifar10 --to data/cifar10-test\n"
    "  coca-pack pack --from vqa questions.json --annotations annotations.json --images-root train2014 --to data/vqa\n"
    "  coca-pack pack --from folder imagenet-r --classes synset --class-map synsets.txt --to data/imagenet-r\n"
    "  coca-pack pack --from folder val --classes synset --file-classes LOC_val_solution.csv --to data/imagenet-val\n"
    "  coca-pack pack --from idx train-images-idx3-ubyte.gz --class-names classes.txt --to data/fashion\n"
    ""
    "\n" PACK_MANUAL_EXIT;

enum { CAPTION_LINES_ALL, CAPTION_LINES_FIRST };

struct pack {
    char *from, *to, *held_out_to, *class_names;
    char *image_key, *caption_key, *label_key, *class_key, *json_text_key;
    char *labels, *columns, *separator, *images_root;
    char *annotations, *image_pattern, *split, *file_classes, *class_map, *keep_classes;
    char *exclude;
    int caption_lines, classes;
    int64_t min_answers, crop_border;
    int64_t limit, shard_records, hold_out, max_picture_bytes, max_pixels, resize, quality, workers;
    bool replace, verify, group;
};

#define FIELD(member) offsetof(struct pack, member)
static const struct option rows[] = {
    TEXT("from", from, "FORMAT", NULL, "of the input; `coca-pack formats` lists them", 0),
    TEXT("to", to, "DIR", NULL, "the dataset to write", 0),
    FLAG("replace", replace, "write a dataset anew that exists", 0),
    INT("limit", limit, "SAMPLES", "0", 0, 1e15, "stop after so many of the input; 0: read all", 0),
    TEXT("exclude", exclude, "FILE", NULL,
         "leave out the samples that its first column names, by id or #NUMBER: a list of coca-pack dedup", 0),
    INT("shard-records", shard_records, "RECORDS", "100000", 1, 2147483647, "in one shard file", 0),
    HEADING("Splitting"),
    INT("hold-out", hold_out, "K", "0", 0, 1e9, "every K-th sample goes to --held-out-to; 0: none", 0),
    TEXT("held-out-to", held_out_to, "DIR", NULL, "the dataset of what is held out", 0),
    HEADING("What a sample is made of (keys are lists separated by \";\")"),
    TEXT("image-key", image_key, "KEYS", NULL, "column, field or suffixes of the picture; the first there is", 0),
    TEXT("caption-key", caption_key, "KEYS", NULL, "columns, fields or suffixes of captions; each gives captions", 0),
    TEXT("label-key", label_key, "KEYS", NULL, "the same of label names", 0),
    TEXT("class-key", class_key, "KEYS", NULL, "column, field or suffix of the class, a whole number from 0", 0),
    TEXT("json-text-key", json_text_key, "FIELD", NULL, "tar: captions come from this field of the .json member", 0),
    CHOICE("caption-lines", caption_lines, "all|first", "all",
           "a text file's captions: every line that is not empty, or the first", 0),
    TEXT("class-names", class_names, "FILE", NULL,
         "line n is the name of class n, from 0, or a JSON list: a class becomes a label, too", 0),
    TEXT("labels", labels, "FILE", NULL, "idx: the labels file; else the one whose name matches", 0),
    TEXT("columns", columns, "NAMES", NULL, "csv: names of the columns, when the list has no header line", 0),
    TEXT("separator", separator, "CHARACTER", NULL,
         "csv: between columns; else a tab if the first line has one, or a comma", 0),
    TEXT("images-root", images_root, "DIR", NULL, "folder that relative picture paths are under; else the list's own",
         0),
    {"group", OPTION_FLAG, FIELD(group), NULL, "true", 0, 0,
     "csv, jsonl, coco: make one record of all rows that name the same picture; keeps the list in memory", 0},
    HEADING("Tasks"),
    TEXT("annotations", annotations, "FILES", NULL,
         "vqa: the answers, a file for each PATH joined by \"::\"; msrvtt: the JSON of captions", 0),
    TEXT("image-pattern", image_pattern, "NAME", NULL,
         "vqa: a picture's path, with image_id for its %d or %012d; else COCO_SPLIT_%012d.jpg", 0),
    INT("min-answers", min_answers, "QUESTIONS", ANSWERS_LEAST, 1, 1e9,
        "answers.txt, the list of a model's answers, has those of so many questions", 0),
    TEXT("split", split, "NAME", NULL, "kinetics, msrvtt: only samples of this split", 0),
    HEADING("Folders as classes"),
    CHOICE("classes", classes, "none|synset|number|name", "none",
           "folder: a class is a folder, by its place, its number, or its label in --class-map", 0),
    TEXT(
        "file-classes", file_classes, "FILE", NULL,
        "folder: --classes is of these, not of folders: a line with name and class of each picture, or its class alone",
        0),
    TEXT("class-map", class_map, "FILE", NULL,
         "a line or JSON key for each folder, with its words or label; moments: the categories", 0),
    TEXT("keep-classes", keep_classes, "FILE", NULL,
         "folder: only these, of --classes name labels, else folders; lines or JSON keys", 0),
    HEADING("Pictures"),
    {"verify", OPTION_FLAG, FIELD(verify), NULL, "true", 0, 0, "decode every picture and video", 0},
    INT("max-picture-bytes", max_picture_bytes, "BYTES", "256M", 1, RECORD_BYTES_LIMIT,
        "leave out pictures whose file is larger, unread", 0),
    INT("max-pixels", max_pixels, "PIXELS", "0", 0, 1e10,
        "leave out pictures with more (width times height), undecoded; 0: no limit but the decoder's", 0),
    INT("crop-border", crop_border, "PIXELS", "0", 0, 65500, "cut off each side (ObjectNet: 2), into PNG; 0: none", 0),
    INT("resize", resize, "PIXELS", "0", 0, 65500, "shrink pictures whose short side is longer; 0: as they came", 0),
    INT("quality", quality, "PERCENT", "0", 0, 100, "of JPEG for pictures that are shrunk; 0: PNG", 0),
    INT("workers", workers, "THREADS", "0", 0, 1024, "decoding at a time; 0: as many as there are cores", 0),
};

struct packing {
    const struct pack *pack;
    struct output train, held_out; // all zero when nothing is held out
    struct pipeline *pipeline;
    struct progress *progress;
    int64_t samples; // read so far
    struct strings found_classes;
    struct answers answers;
    struct exclude *exclude;
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
    return packing->samples == packing->pack->limit ? LIMIT_REACHED : 0;
}

// By the number in the input, before anything is left out: the same samples are held out whatever is fit.
static int retire(struct job *job, void *context) {
    struct packing *packing = context;
    progress_set(packing->progress, job->number + 1, NULL);
    const int64_t hold_out = packing->pack->hold_out;
    const bool held_out = hold_out && job->number % hold_out == hold_out - 1;
    return output_add(held_out ? &packing->held_out : &packing->train, job);
}

static int read_all(struct packing *packing, const struct strings *class_names, const struct strings *paths) {
    const struct pack *pack = packing->pack;
    const struct import_options options = {
        .image_key = pack->image_key,
        .caption_key = pack->caption_key,
        .label_key = pack->label_key,
        .class_key = pack->class_key,
        .json_text_key = pack->json_text_key,
        .class_names = class_names->count ? class_names : NULL,
        .labels_path = pack->labels,
        .columns = pack->columns,
        .separator = pack->separator,
        .images_root = pack->images_root,
        .annotations = pack->annotations,
        .image_pattern = pack->image_pattern,
        .split = pack->split,
        .folder_classes = (enum folder_class_rule)pack->classes,
        .file_classes = pack->file_classes,
        .class_map = pack->class_map,
        .kept_classes = pack->keep_classes,
        .found_classes = &packing->found_classes,
        .stopped = stopped,
        .keep_rows = !pack->group,
        .max_picture_bytes = pack->max_picture_bytes,
        .first_line = pack->caption_lines == CAPTION_LINES_FIRST,
    };
    int status = import_run(import_find(pack->from), &options, paths, take_sample, packing);
    return status == LIMIT_REACHED ? 0 : status;
}

static int open_outputs(struct packing *packing) {
    const struct pack *pack = packing->pack;
    int status = output_open(&packing->train, pack->to, pack->shard_records, pack->replace);
    if (!status && pack->hold_out)
        status = output_open(&packing->held_out, pack->held_out_to, pack->shard_records, pack->replace);
    return status;
}

static int pack_all(struct packing *packing, const struct strings *class_names, const struct strings *paths) {
    const struct pack *pack = packing->pack;
    const struct fitness fitness = {pack->verify, pack->max_pixels, (int)pack->crop_border, (int)pack->resize,
                                    (int)pack->quality};
    packing->progress = progress_new("packing", pack->limit, "samples");
    packing->pipeline = pipeline_new((int)pack->workers, (struct pipeline_calls){fit, &fitness, retire, packing});
    int status = read_all(packing, class_names, paths);
    if (!status) status = pipeline_drain(packing->pipeline);
    pipeline_free(&packing->pipeline);
    progress_done(&packing->progress);
    if (!status) status = stopped();
    return status;
}

// Before the datasets have their names, which stand for whole ones.
static int add_lists(const struct packing *packing, const struct strings *class_names, const struct strings *paths) {
    const struct pack *pack = packing->pack;
    const struct lists lists = {!strcmp(pack->from, "clip-benchmark"),
                                !strcmp(pack->from, "dataset"),
                                paths,
                                class_names->count ? class_names : &packing->found_classes,
                                &packing->answers,
                                pack->min_answers};
    int status = lists_write(&lists, store_writer_path(packing->train.writer));
    if (!status && pack->hold_out) status = lists_write(&lists, store_writer_path(packing->held_out.writer));
    return status;
}

// Nothing is held out when there are fewer samples than K. What was packed is kept, as it may have taken hours; but not
// beside a dataset of before, whose pictures may be among what is trained on now.
static int commit_held_out(struct packing *packing) {
    const struct pack *pack = packing->pack;
    if (packing->samples >= pack->hold_out) return output_commit(&packing->held_out);
    if (directory_exists(pack->held_out_to))
        return error(EXIT_DATA, "--hold-out %lld: there are only %lld samples, none is held out, and %s is of before",
                     (long long)pack->hold_out, (long long)packing->samples, pack->held_out_to);
    warn("--hold-out %lld: there are only %lld samples, so none is held out, and %s is not written; "
         "give a smaller number",
         (long long)pack->hold_out, (long long)packing->samples, pack->held_out_to);
    output_abandon(&packing->held_out);
    return 0;
}

// The dataset that is named first is renamed last: if it is there, so is the other.
static int write_outputs(const struct pack *pack, const struct strings *class_names, const struct strings *paths) {
    struct packing packing = {.pack = pack};
    int status = pack->exclude ? exclude_read(&packing.exclude, pack->exclude) : 0;
    if (!status) status = open_outputs(&packing);
    if (!status) status = pack_all(&packing, class_names, paths);
    if (!status) status = add_lists(&packing, class_names, paths);
    if (!status && pack->hold_out) status = commit_held_out(&packing);
    if (!status) status = output_commit(&packing.train);
    if (!status) exclude_report(packing.exclude);
    exclude_free(&packing.exclude);
    output_abandon(&packing.train);
    output_abandon(&packing.held_out);
    strings_release(&packing.found_classes);
    answers_release(&packing.answers);
    return status;
}

static void append_formats(struct buffer *text) {
    for (const struct import_format *const *format = import_formats; *format; format++)
        buffer_format(text, "%s%s", text->size ? ", " : "", (*format)->name);
}

static int refuse_format(const char *given) {
    struct buffer names = {0};
    append_formats(&names);
    int status = given ? error(EXIT_USAGE, "--from %s: no such format; there are %s", given, names.bytes)
                       : error(EXIT_USAGE, "--from is missing: one of %s", names.bytes);
    buffer_release(&names);
    return status;
}

static int check(const struct pack *pack) {
    if (!pack->from || !import_find(pack->from)) return refuse_format(pack->from);
    if (!pack->to) return error(EXIT_USAGE, "--to is missing: the directory to write");
    if (!pack->hold_out != !pack->held_out_to) return error(EXIT_USAGE, "--hold-out and --held-out-to need each other");
    if (pack->hold_out == 1) return error(EXIT_USAGE, "--hold-out 1 would hold out everything");
    if (pack->classes && strcmp(pack->from, "folder")) return error(EXIT_USAGE, "--classes is for --from folder");
    if (pack->file_classes && !pack->classes) return error(EXIT_USAGE, "--file-classes is for --classes");
    if (pack->keep_classes && !pack->classes) return error(EXIT_USAGE, "--keep-classes is for --classes");
    if (pack->quality && !pack->resize) return error(EXIT_USAGE, "--quality is for pictures that --resize shrinks");
    return 0;
}

static int run(void *context, const struct strings *paths) {
    const struct pack *pack = context;
    struct strings class_names = {0}, no_sets = {0};
    int status = check(pack);
    if (!status && pack->class_names) status = class_names_read(&class_names, pack->class_names, &no_sets);
    signal(SIGINT, catch_signal);
    signal(SIGTERM, catch_signal);
    if (!status) status = write_outputs(pack, &class_names, paths);
    strings_release(&class_names);
    return status;
}

int pack_main(const struct command *command, int argc, char **argv) {
    struct pack pack = {.from = NULL};
    struct option_table own = OPTION_TABLE(rows, &pack);
    struct option_table *const tables[] = {&own, NULL};
    const struct tool tool = {.name = "coca-pack pack",
                              .summary = command->summary,
                              .manual = manual,
                              .tables = tables,
                              .operands = "PATH...",
                              .context = &pack,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
