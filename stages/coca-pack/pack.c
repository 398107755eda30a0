// coca-pack pack: pictures with texts in, a dataset out. What is done with samples is packing.c's.
#include <string.h>

#include "answer_list.h"
#include "base/fail.h"
#include "commands.h"
#include "packing.h"
#include "stage/option_rows.h"

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

struct pack {
    struct packing_options all;
    char *from, *held_out_to;
    char *labels, *columns, *separator, *images_root;
    char *annotations, *image_pattern, *split, *file_classes, *class_map, *keep_classes;
    int classes;
    int64_t min_answers, crop_border;
    int64_t hold_out, resize, quality;
    bool group;
};

#define FIELD(member) offsetof(struct pack, member)
static const struct option rows[] = {
    TEXT("from", from, "FORMAT", NULL, "of the input; `coca-pack formats` lists them", 0),
    HEADING("Splitting"),
    INT("hold-out", hold_out, "K", "0", 0, 1e9, "every K-th sample goes to --held-out-to; 0: none", 0),
    TEXT("held-out-to", held_out_to, "DIR", NULL, "the dataset of what is held out", 0),
    HEADING("Lists"),
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
    HEADING("Pictures that are changed"),
    INT("crop-border", crop_border, "PIXELS", "0", 0, 65500, "cut off each side (ObjectNet: 2), into PNG; 0: none", 0),
    INT("resize", resize, "PIXELS", "0", 0, 65500, "shrink pictures whose short side is longer; 0: as they came", 0),
    INT("quality", quality, "PERCENT", "0", 0, 100, "of JPEG for pictures that are shrunk; 0: PNG", 0),
};

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
    int status = check(pack);
    if (status) return status;
    const struct packing_order order = {
        .options = &pack->all,
        .format = import_find(pack->from),
        .import = {.labels_path = pack->labels,
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
                   .keep_rows = !pack->group},
        .fitness = {.crop_border = (int)pack->crop_border, .resize = (int)pack->resize, .quality = (int)pack->quality},
        .hold_out = pack->hold_out,
        .held_out_to = pack->held_out_to,
        .min_answers = pack->min_answers,
    };
    return packing_run(&order, paths);
}

int pack_main(const struct command *command, int argc, char **argv) {
    struct pack pack = {.from = NULL};
    struct option_table own = OPTION_TABLE(rows, &pack), all = packing_option_table(&pack.all);
    struct option_table *const tables[] = {&own, &all, NULL};
    const struct tool tool = {.name = "coca-pack pack",
                              .summary = command->summary,
                              .manual = manual,
                              .tables = tables,
                              .operands = "PATH...",
                              .context = &pack,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
