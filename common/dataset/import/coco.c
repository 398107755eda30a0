// COCO captions: one JSON document with `images` (id, file_name) and `annotations` (image_id, caption), in any order.
// So both are sorted by the picture's id once, and each picture finds its captions by a binary search; captions of one
// keep the document's order. Ids are numbers or texts. The pictures themselves lie in a folder, named by --images-root
// or the document's own.
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/json.h"
#include "dataset/import/fields.h"
#include "dataset/import/formats.h"
#include "dataset/import/rows.h"

#define DOCUMENT_BYTES_LIMIT ((size_t)2 << 30)

// An image, or the caption of one; sorted by id, images first, then by place in the document.
struct entry {
    char *id;
    size_t place;
    const json_t *caption; // NULL: an image
};

struct coco {
    struct importer *importer;
    const char *path;
    struct entry *entry;
    size_t count;
    size_t strays; // captions without an id of a listed image
    struct draft draft;
};

// qsort is not stable, so the place decides among equals.
static int by_id(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    const int order = strcmp(x->id, y->id);
    if (order) return order;
    if (!x->caption != !y->caption) return x->caption ? 1 : -1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static void add(struct coco *coco, const json_t *id, size_t place, const json_t *caption) {
    char *text = fields_id(id);
    if (text) coco->entry[coco->count++] = (struct entry){text, place, caption};
    coco->strays += !text && caption;
}

static void gather(struct coco *coco, const json_t *images, const json_t *annotations) {
    coco->entry = xcalloc(json_array_size(images) + json_array_size(annotations) + 1, sizeof *coco->entry);
    for (size_t i = 0; i < json_array_size(images); i++)
        add(coco, json_object_get(json_array_get(images, i), "id"), i, NULL);
    for (size_t i = 0; i < json_array_size(annotations); i++) {
        const json_t *item = json_array_get(annotations, i),
                     *caption = fields_first(item, &coco->importer->caption_keys);
        if (caption) add(coco, json_object_get(item, "image_id"), i, caption);
    }
    qsort(coco->entry, coco->count, sizeof *coco->entry, by_id);
}

// Captions of pictures that are not listed have no sample that could be named.
static void warn_of_strays(struct coco *coco) {
    const struct entry *image = NULL;
    for (const struct entry *entry = coco->entry; entry < coco->entry + coco->count; entry++) {
        if (!entry->caption) image = entry;
        coco->strays += !image || strcmp(image->id, entry->id);
    }
    if (coco->strays)
        warn("%s: %zu captions are left out: their image_id is of no image that the document lists", coco->path,
             coco->strays);
}

// The first entry of an id, which stands in the list.
static size_t first_of(const struct coco *coco, const char *id) {
    size_t low = 0, high = coco->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(coco->entry[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// Two images of one id cannot be told apart: the first one has the captions, as its place in the document is known.
static void take_captions(struct coco *coco, const char *id, size_t place) {
    const size_t first = first_of(coco, id);
    if (coco->entry[first].place != place)
        return draft_defect(&coco->draft, "has the id %s of image %zu", id, coco->entry[first].place);
    for (size_t i = first; i < coco->count && !strcmp(coco->entry[i].id, id); i++)
        if (coco->entry[i].caption) fields_add(coco->entry[i].caption, "caption", &coco->draft, draft_caption);
}

// A picture without annotations is given too: whether it is fit is the sink's question.
static int give_image(struct coco *coco, const json_t *image, size_t place) {
    struct draft *draft = &coco->draft;
    char *id = fields_id(json_object_get(image, "id"));
    const json_t *file = fields_first(image, &coco->importer->image_keys);
    draft_clear(draft);
    buffer_format(&draft->name, "%s: image %zu", coco->path, place);
    if (id && json_is_string(file)) {
        draft_listed_picture(draft, coco->importer, coco->path, json_string_value(file), json_string_length(file));
        buffer_clear(&draft->id);
        buffer_text(&draft->id, id);
        take_captions(coco, id, place);
    } else {
        draft_defect(draft, "has no id, a number or a text, or no file name");
    }
    free(id);
    return rows_take(draft, coco->importer);
}

// The document's keys are what is seen, for the report when it is some other JSON.
static int give_all(struct coco *coco, const json_t *document) {
    const json_t *images = json_object_get(document, "images");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)document, key, value) importer_saw(coco->importer, key, strlen(key));
    gather(coco, images, json_object_get(document, "annotations"));
    warn_of_strays(coco);
    int status = 0;
    for (size_t i = 0; i < json_array_size(images) && !status; i++)
        status = give_image(coco, json_array_get(images, i), i);
    return status;
}

static int run(struct importer *importer, const char *path) {
    json_t *document = json_read(path, DOCUMENT_BYTES_LIMIT);
    if (!document) return -EXIT_DATA;
    struct coco coco = {.importer = importer, .path = path};
    int status = give_all(&coco, document);
    json_decref(document);
    for (size_t i = 0; i < coco.count; i++) free(coco.entry[i].id);
    free(coco.entry);
    draft_release(&coco.draft);
    return status;
}

const struct import_format import_coco = {
    .name = "coco",
    .summary = "COCO captions: a JSON document with images and annotations",
    .keys = "fields",
    .image_key = "file_name",
    .caption_key = "caption",
    .run = run,
};
