// Reading pictures with texts from the formats people have, one file in import/ for each.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataset/place.h"
#include "dataset/record.h"

// How the folders under a root are classes: not; sorted by name, as torchvision does; as the numbers that they are
// called; or by the names that class_map has for them, sorted, where several folders may be one class.
enum folder_class_rule { FOLDER_CLASSES_NONE, FOLDER_CLASSES_SYNSET, FOLDER_CLASSES_NUMBER, FOLDER_CLASSES_NAME };

// What an importer is told; each uses its own fields, and NULL stands for the format's default. Keys are lists
// separated by ";": column or field names, or, in a tar or folder, suffixes, whose letters may be of either case.
struct shards;
struct import_options {
    const char *image_key;             // the first that a sample has
    const char *caption_key;           // each that a sample has gives captions
    const char *label_key;             // each gives label names
    const char *class_key;             // the first that a sample has: a whole number
    const char *json_text_key;         // tar: captions from this field of the .json member, not from caption_key
    const struct strings *class_names; // in class order: a class becomes a label too; NULL: it does not
    const char *labels_path;           // idx: the labels file; NULL: beside the images
    const char *columns;               // csv: names of the columns, when the list has no header line
    const char *separator;             // csv: one character; NULL: a tab if the first line has one, else a comma
    const char *images_root;           // folder that relative picture paths are under; NULL: the list's own
    const char *annotations;           // vqa: its file, one for each path joined by "::"; msrvtt: the JSON of captions
    const char *image_pattern;         // vqa: a picture's name, with image_id for its %d or %012d; NULL: COCO's
    const char *split;                 // kinetics, msrvtt: of these samples only; NULL: of all
    enum folder_class_rule folder_classes; // folder: how a class comes from the folder that a picture is in
    const char *file_classes;              // folder: file of pictures' classes, which are not their folders' then
    const char *class_map;                 // file of what stands for a folder's or category's name
    const char *kept_classes;              // folder: file of names; pictures of other classes are left out
    struct strings *found_classes;         // gets the names of classes, in their order, if the format knows; NULL: not
    int (*stopped)(void);        // asked for each row of a list: 0 to go on, else as of the sink; NULL: always 0
    bool keep_rows;              // of lists: each row is a sample; else all rows of a picture are one
    int64_t max_picture_bytes;   // --max-picture-bytes; 0: what a record holds
    const struct shards *shards; // in place: what is known of each path, and their objects
    bool scan;                   // in place: index files of others are not looked at
    bool skip_bad;               // in place: shards that are bad are left out by name
    bool first_line;             // only the first line of a text file is a caption; else every one that is not empty
};

// One picture with its texts, given to the sink. Everything is borrowed for the call.
struct import_sample {
    const char *name;     // tells the sample in reports: "00000.tar: 000000012"
    struct record record; // what there is of it
    struct import_pixels {
        const uint8_t *bytes; // [height, width, channels]; NULL: the picture is encoded, in `record`
        int width, height, channels;
    } pixels;
    const struct origin *origin; // where its files lie; NULL: not asked
    const char *defect;          // why something of it could not be read; NULL if all was
};

// Returns 0 to go on, else what import_run returns.
typedef int import_sink(void *context, const struct import_sample *sample);

// The same over a stretch of a tar that holds one sample, or several; `name` stands for the tar in reports.
int import_stretch(const struct import_options *options, const char *name, struct span bytes, import_sink *sink,
                   void *context);

struct importer;
struct import_format {
    const char *name;    // of the option: --from NAME
    const char *summary; // for --help
    const char *keys;    // what image_key and the others are names of: "columns", "suffixes"
    const char *image_key, *caption_key, *class_key; // defaults; NULL: the format has no such thing
    bool has_suffixes;                               // its keys are suffixes: either case
    int (*run)(struct importer *importer, const char *path);
};
extern const struct import_format *const import_formats[]; // NULL-terminated
extern const struct import_format import_in_place;         // tar shards, whose samples have origins

const struct import_format *import_find(const char *name); // NULL if unknown

// Reads every path, one behind the other; a path may be "-", several joined by "::", or hold brace ranges
// ({00000..00329}, {a,b}), unless a file of that very name exists. 0, what the sink returned, or -EXIT_DATA, reported:
// unreadable, cut, or nothing in the first 100 records is a picture with a text or class (the keys seen are named).
int import_run(const struct import_format *format, const struct import_options *options, const struct strings *paths,
               import_sink *sink, void *context);
