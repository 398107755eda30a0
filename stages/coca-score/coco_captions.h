// Captions to be judged, as COCO's files have them: references in a document with `images` and `annotations`, results
// in a list of image_id and caption, SPICE's scores in the list that its program writes.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct coco_picture {
    const json_t *id;         // as the references have it
    const json_t *domain;     // NoCaps' field, NULL without one
    const json_t *candidate;  // a text
    const json_t **reference; // [references], texts
    size_t references;        // at least one
    bool has_spice;
    double spice; // NAN: none, or SPICE's own
};

// All is borrowed from the documents, which it owns.
struct coco_captions {
    json_t *references, *results, *spice;
    const json_t **caption;       // all references
    size_t texts;                 // at least as many
    struct coco_picture *picture; // in the order of `images`, without that list of `annotations`
    size_t pictures;              // at least one
};
// Ids are compared as text. Every picture with references must have one result, every result such a picture; so has
// SPICE's list unless `spice` is NULL. 0, then coco_captions_release, or -EXIT_DATA, which names the file and the
// place.
int coco_captions_read(struct coco_captions *captions, const char *references, const char *results, const char *spice);
void coco_captions_release(struct coco_captions *captions);
