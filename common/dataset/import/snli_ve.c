// SNLI-VE (Xie et al. 2019, arXiv 1901.06706): JSON lines made of SNLI's, with the picture that its premise was written
// of. The picture is the premise here; the sentence about it is what was said of it, so it is left aside. Pairs without
// a gold label are left out by name.
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "dataset/import/fields.h"
#include "dataset/import/formats.h"
#include "dataset/import/found.h"
#include "dataset/import/json_lines.h"
#include "dataset/import/pair.h"
#include "dataset/import/rows.h"

// Ids with and without ".jpg" are about, and the key with a letter missing.
static void find_picture(struct importer *importer, struct draft *draft, const char *list, const json_t *object) {
    char *id = fields_id(fields_first(object, &importer->image_keys));
    if (!id) return draft_defect(draft, "names no picture");
    char *name = xformat("%s%s", id, text_ends_alike(id, ".jpg") ? "" : ".jpg");
    struct strings names = {0};
    strings_add_text(&names, name);
    found_path(draft, NULL, importer, list, &names);
    strings_release(&names);
    free(name);
    free(id);
}

static void read_object(struct importer *importer, struct draft *draft, const char *list, const json_t *object) {
    pair_id(draft, json_object_get(object, "pairID"));
    pair_question(draft, json_object_get(object, "sentence2"), "sentence2");
    pair_label(&pair_snli_ve, draft, json_object_get(object, "gold_label"));
    find_picture(importer, draft, list, object);
}

static int run(struct importer *importer, const char *path) {
    static const struct json_lines lines = {read_object, rows_give_now};
    int status = pair_begin(&pair_snli_ve, importer);
    return status ? status : json_lines_run(&lines, importer, path);
}

const struct import_format import_snli_ve = {
    .name = "snli-ve",
    .summary = "SNLI-VE: JSON lines with Flickr30K_ID, sentence2, gold_label, pairID",
    .keys = "fields",
    .image_key = "Flickr30K_ID;Flikr30kID",
    .run = run,
};
