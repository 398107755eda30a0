// COCO captions: one JSON document with `images` (id, file_name) and `annotations` (image_id, caption), in any order.
// So the annotations are sorted by picture once, and each picture finds its captions by a binary search; captions of
// one keep the document's order. The pictures themselves lie in a folder, named by --images-root or the document's own.
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/json.h"
#include "dataset/import/draft.h"
#include "dataset/import/fields.h"
#include "dataset/import/formats.h"

#define DOCUMENT_BYTES_LIMIT ((size_t)2 << 30)

// A caption and the picture it belongs to; sorted by picture, then by place in the document.
struct annotation {
    json_int_t image;
    size_t place;
    const json_t *caption;
};

struct coco {
    struct importer *importer;
    const char *path;
    struct annotation *annotation;
    size_t count;
    struct draft draft;
};

// qsort is not stable, so the place decides among equals.
static int by_image(const void *a, const void *b) {
    const struct annotation *x = a, *y = b;
    if (x->image != y->image) return x->image < y->image ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static void gather(struct coco *coco, const json_t *annotations) {
    coco->annotation = xcalloc(json_array_size(annotations) + 1, sizeof *coco->annotation);
    for (size_t i = 0; i < json_array_size(annotations); i++) {
        const json_t *item = json_array_get(annotations, i), *image = json_object_get(item, "image_id"),
                     *caption = fields_first(item, &coco->importer->caption_keys);
        if (json_is_integer(image) && caption)
            coco->annotation[coco->count++] = (struct annotation){json_integer_value(image), i, caption};
    }
    qsort(coco->annotation, coco->count, sizeof *coco->annotation, by_image);
}

// The first annotation of a picture: binary search for the place where (image, 0) would stand.
static size_t first_of(const struct coco *coco, json_int_t image) {
    size_t low = 0, high = coco->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (coco->annotation[middle].image < image)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// A picture without annotations is given too: whether it is fit is the sink's question.
static int give_image(struct coco *coco, const json_t *image, size_t place) {
    struct draft *draft = &coco->draft;
    const json_t *id = json_object_get(image, "id"), *file = fields_first(image, &coco->importer->image_keys);
    draft_clear(draft);
    buffer_format(&draft->name, "%s: image %zu", coco->path, place);
    if (!json_is_integer(id) || !json_is_string(file)) {
        draft_defect(draft, "has no id or no file name");
        return draft_give(draft, coco->importer);
    }
    const json_int_t number = json_integer_value(id);
    buffer_format(&draft->id, "%" JSON_INTEGER_FORMAT, number);
    draft_listed_picture(draft, coco->importer, coco->path, json_string_value(file), json_string_length(file));
    for (size_t i = first_of(coco, number); i < coco->count && coco->annotation[i].image == number; i++)
        fields_add(coco->annotation[i].caption, "caption", draft, draft_caption);
    return draft_give(draft, coco->importer);
}

// The document's keys are what is seen, for the report when it is some other JSON.
static int give_all(struct coco *coco, const json_t *document) {
    const json_t *images = json_object_get(document, "images");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)document, key, value) importer_saw(coco->importer, key, strlen(key));
    gather(coco, json_object_get(document, "annotations"));
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
    free(coco.annotation);
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
