// Three files speak of the same pictures, in any order, and nothing but ids brings them together: each id has a number,
// which is the picture's place while the files are read. What the files disagree about is an error, since a score of
// other pictures than those meant would look like any other score.
#include "coco_captions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "dataset/import/fields.h"
#include "measure/numbering.h"

// With all words of two such files each n-gram of them still has a number (measure/caption_set.h).
#define DOCUMENT_BYTES_LIMIT ((size_t)1 << 30)

struct reading {
    struct coco_captions *captions;
    const char *references, *results, *spice; // paths
    struct numbering ids;
    size_t *owner; // [annotations]: a picture
    size_t strays; // annotations of pictures that `images` does not list
};

// An item of a list in a file, for messages.
struct item {
    const char *path, *list;
    size_t place;
};

// 0 or -EXIT_DATA; *number is 0 when the id has none and `add` does not say that it should.
static int find_number(struct reading *reading, const struct item *item, const json_t *id, bool add, uint32_t *number) {
    char *text = fields_id(id);
    if (!text)
        return error(EXIT_DATA, "%s: %s[%zu] has no id of a picture, a number or a text", item->path, item->list,
                     item->place);
    *number =
        add ? numbering_add(&reading->ids, text, strlen(text)) : numbering_find(&reading->ids, text, strlen(text));
    free(text);
    return 0;
}

static int find_caption(const struct item *item, const json_t *object, const json_t **caption) {
    *caption = json_object_get(object, "caption");
    if (json_is_string(*caption)) return 0;
    return error(EXIT_DATA, "%s: %s[%zu] has no caption, a text", item->path, item->list, item->place);
}

// The first of two pictures with one id is the one.
static int read_image(struct reading *reading, size_t place, const json_t *image) {
    const struct item item = {reading->references, "images", place};
    struct coco_captions *captions = reading->captions;
    uint32_t number = 0;
    int status = find_number(reading, &item, json_object_get(image, "id"), true, &number);
    if (status || number <= captions->pictures) return status;
    captions->picture[captions->pictures++] = (struct coco_picture){
        .id = json_object_get(image, "id"), .domain = json_object_get(image, "domain"), .spice = NAN};
    return 0;
}

static int read_annotation(struct reading *reading, size_t place, const json_t *annotation, bool listed) {
    const struct item item = {reading->references, "annotations", place};
    struct coco_captions *captions = reading->captions;
    const json_t *id = json_object_get(annotation, "image_id"), *caption;
    uint32_t number = 0;
    int status = find_caption(&item, annotation, &caption);
    if (!status) status = find_number(reading, &item, id, !listed, &number);
    if (status) return status;
    if (number > captions->pictures)
        captions->picture[captions->pictures++] = (struct coco_picture){.id = id, .spice = NAN};
    reading->owner[place] = number;
    if (number)
        captions->picture[number - 1].references++;
    else
        reading->strays++;
    return 0;
}

// A picture's references stand together, in the order of the document.
static void place_references(struct reading *reading, const json_t *annotations) {
    struct coco_captions *captions = reading->captions;
    size_t begin = 0;
    for (size_t i = 0; i < captions->pictures; i++) {
        captions->picture[i].reference = captions->caption + begin;
        begin += captions->picture[i].references;
        captions->picture[i].references = 0;
    }
    for (size_t i = 0; i < json_array_size(annotations); i++) {
        if (!reading->owner[i]) continue;
        struct coco_picture *picture = &captions->picture[reading->owner[i] - 1];
        picture->reference[picture->references++] = json_object_get(json_array_get(annotations, i), "caption");
    }
}

static int read_lists(struct reading *reading, const json_t *images, const json_t *annotations) {
    struct coco_captions *captions = reading->captions;
    const size_t pictures = json_array_size(images), texts = json_array_size(annotations);
    int status = 0;
    captions->picture = xcalloc(pictures + texts + 1, sizeof *captions->picture);
    captions->texts = texts;
    captions->caption = xcalloc(texts + 1, sizeof *captions->caption);
    reading->owner = xcalloc(texts + 1, sizeof *reading->owner);
    for (size_t i = 0; i < pictures && !status; i++) status = read_image(reading, i, json_array_get(images, i));
    for (size_t i = 0; i < texts && !status; i++)
        status = read_annotation(reading, i, json_array_get(annotations, i), images != NULL);
    if (status) return status;
    place_references(reading, annotations);
    if (reading->strays)
        warn("%s: %zu captions are left out: their image_id is of no image that the document lists",
             reading->references, reading->strays);
    return 0;
}

static int read_references(struct reading *reading) {
    const json_t *document = reading->captions->references = json_read(reading->references, DOCUMENT_BYTES_LIMIT);
    const json_t *images = json_object_get(document, "images"), *annotations = json_object_get(document, "annotations");
    if (!document) return -EXIT_DATA;
    if (!json_is_array(annotations) || (images && !json_is_array(images)))
        return error(EXIT_DATA, "%s: is not COCO's: an object with the lists `images` and `annotations` is expected",
                     reading->references);
    return read_lists(reading, images, annotations);
}

// What an item of a list says of the picture that it names.
typedef int take_item(const struct item *item, struct coco_picture *picture, const json_t *object);

static int read_item(struct reading *reading, const struct item *item, const json_t *object, take_item *take) {
    const json_t *id = json_object_get(object, "image_id");
    uint32_t number = 0;
    int status = find_number(reading, item, id, false, &number);
    if (status) return status;
    struct coco_picture *picture = number ? &reading->captions->picture[number - 1] : NULL;
    if (picture && picture->references) return take(item, picture, object);
    char *text = fields_id(id);
    status = error(EXIT_DATA, "%s: %s[%zu] is of picture %s, which has no captions in %s", item->path, item->list,
                   item->place, text, reading->references);
    free(text);
    return status;
}

static int read_items(struct reading *reading, struct item item, json_t **list, take_item *take) {
    *list = json_read(item.path, DOCUMENT_BYTES_LIMIT);
    if (!*list) return -EXIT_DATA;
    if (!json_is_array(*list)) return error(EXIT_DATA, "%s: is not a list of objects with image_id", item.path);
    int status = 0;
    for (; item.place < json_array_size(*list) && !status; item.place++)
        status = read_item(reading, &item, json_array_get(*list, item.place), take);
    return status;
}

static int take_result(const struct item *item, struct coco_picture *picture, const json_t *result) {
    if (picture->candidate)
        return error(EXIT_DATA, "%s: %s[%zu] is a second caption of its picture; there must be exactly one", item->path,
                     item->list, item->place);
    return find_caption(item, result, &picture->candidate);
}

// Where SPICE could not parse a caption it has NaN, which stays so.
static int take_spice(const struct item *item, struct coco_picture *picture, const json_t *object) {
    const json_t *all = json_object_get(json_object_get(object, "scores"), "All"), *f = json_object_get(all, "f");
    if (!f) return error(EXIT_DATA, "%s: %s[%zu] has no scores.All.f", item->path, item->list, item->place);
    picture->spice = json_is_number(f) ? json_number_value(f) : NAN;
    picture->has_spice = true;
    return 0;
}

static bool has_candidate(const struct coco_picture *picture) {
    return picture->candidate != NULL;
}
static bool has_spice(const struct coco_picture *picture) {
    return picture->has_spice;
}

// Each picture must be in the list of `path`.
static int check_all(const struct reading *reading, const char *path, bool (*has)(const struct coco_picture *picture)) {
    const struct coco_captions *captions = reading->captions;
    const json_t *first = NULL;
    size_t missing = 0;
    for (size_t i = captions->pictures; i-- > 0;) {
        if (has(&captions->picture[i])) continue;
        first = captions->picture[i].id;
        missing++;
    }
    if (!missing) return 0;
    char *text = fields_id(first);
    int status = error(EXIT_DATA, "%s: has nothing of %zu of %zu pictures with captions in %s, the first is %s", path,
                       missing, captions->pictures, reading->references, text);
    free(text);
    return status;
}

// Pictures without captions, which only `images` knows, cannot be judged.
static int keep_captioned(struct reading *reading) {
    struct coco_captions *captions = reading->captions;
    size_t kept = 0;
    for (size_t i = 0; i < captions->pictures; i++)
        if (captions->picture[i].references) captions->picture[kept++] = captions->picture[i];
    captions->pictures = kept;
    return kept ? 0 : error(EXIT_DATA, "%s: has no captions", reading->references);
}

static int read_all(struct reading *reading) {
    struct coco_captions *captions = reading->captions;
    const struct item result = {reading->results, "results", 0}, score = {reading->spice, "scores", 0};
    int status = read_references(reading);
    if (!status) status = read_items(reading, result, &captions->results, take_result);
    if (!status && reading->spice) status = read_items(reading, score, &captions->spice, take_spice);
    if (!status) status = keep_captioned(reading);
    if (!status) status = check_all(reading, reading->results, has_candidate);
    if (!status && reading->spice) status = check_all(reading, reading->spice, has_spice);
    return status;
}

int coco_captions_read(struct coco_captions *captions, const char *references, const char *results, const char *spice) {
    struct reading reading = {.captions = captions, .references = references, .results = results, .spice = spice};
    *captions = (struct coco_captions){0};
    int status = read_all(&reading);
    numbering_release(&reading.ids);
    free(reading.owner);
    if (status) coco_captions_release(captions);
    return status;
}

void coco_captions_release(struct coco_captions *captions) {
    json_decref(captions->references);
    json_decref(captions->results);
    json_decref(captions->spice);
    free(captions->caption);
    free(captions->picture);
    *captions = (struct coco_captions){0};
}
