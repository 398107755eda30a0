// NLVR2 (Suhr et al. 2019): JSON lines with a sentence, whether it is true, and an identifier that names two pictures,
// the left one first. Pictures keep their bytes: many that are called .png are not, which decoding by signature does
// not mind.
#include <stdlib.h>
#include <string.h>

#include "dataset/import/fields.h"
#include "dataset/import/formats.h"
#include "dataset/import/found.h"
#include "dataset/import/json_lines.h"
#include "dataset/import/pair.h"
#include "dataset/import/rows.h"

// "train-10171-0-0" is sentence 0 of the pictures train-10171-0-img0.png and -img1.png, of training in a folder by
// number. People keep the splits' folders apart, or not.
static void name_picture(struct strings *names, const char *pair, const char *folder, int picture) {
    const size_t split = strcspn(pair, "-");
    char *name = xformat("%s-img%d.png", pair, picture);
    char *in_folder = folder ? xformat("%s/%s", folder, name) : xstrdup(name);
    char *in_split = xformat("%.*s/%s", (int)split, pair, name),
         *in_both = xformat("%.*s/%s", (int)split, pair, in_folder);
    strings_add_text(names, name);
    strings_add_text(names, in_folder);
    strings_add_text(names, in_split);
    strings_add_text(names, in_both);
    free(name);
    free(in_folder);
    free(in_split);
    free(in_both);
}

static void add_picture(struct importer *importer, struct draft *draft, const char *list, const char *pair,
                        const char *folder, int picture) {
    struct strings names = {0};
    name_picture(&names, pair, folder, picture);
    buffer_clear(&draft->path);
    found_path(draft, NULL, importer, list, &names);
    draft_pictures_file(draft, importer, draft->path.bytes);
    buffer_clear(&draft->path);
    strings_release(&names);
}

static void add_pictures(struct importer *importer, struct draft *draft, const char *list, const json_t *object) {
    char *pair = fields_id(fields_first(object, &importer->image_keys));
    char *folder = fields_id(json_object_get(object, "directory")), *sentence = pair ? strrchr(pair, '-') : NULL;
    if (sentence) *sentence = 0;
    if (!sentence) draft_defect(draft, "has no identifier of the form split-set-pair-sentence");
    for (int i = 0; i < 2 && !draft->defect; i++) add_picture(importer, draft, list, pair, folder, i);
    free(pair);
    free(folder);
}

static void read_object(struct importer *importer, struct draft *draft, const char *list, const json_t *object) {
    pair_id(draft, json_object_get(object, "identifier"));
    pair_question(draft, json_object_get(object, "sentence"), "sentence");
    pair_label(&pair_nlvr2, draft, json_object_get(object, "label"));
    add_pictures(importer, draft, list, object);
}

static int run(struct importer *importer, const char *path) {
    static const struct json_lines lines = {read_object, rows_give_now};
    int status = pair_begin(&pair_nlvr2, importer);
    return status ? status : json_lines_run(&lines, importer, path);
}

const struct import_format import_nlvr2 = {
    .name = "nlvr2",
    .summary = "NLVR2: JSON lines with sentence, label, identifier",
    .keys = "fields",
    .image_key = "identifier",
    .run = run,
};
