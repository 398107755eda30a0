// A resize that takes its source row by row, so that a decoder's rows are filtered while they are in the cache.
#pragma once

#include "image/codec.h"
#include "image/resize_kernels.h"

// The interval `box` of a source picture becomes `width` x `height` outputs, of which those in `window` are made.
// Only the pixels in `clip`, which holds the box, are read: what lies outside does not exist.
struct resize_map {
    struct rect clip;
    struct image_box box;
    int width, height;
    struct rect window;
    enum image_filter filter;
};

struct resizer {
    struct axis x, y;
    struct rect part; // the source pixels that must come in, row by row
    const struct resize_kernels *kernels;
    uint8_t *out;            // borrowed, [y.size, x.size, 3], `made` rows written
    uint8_t *ring, *scratch; // ring: [ring_rows + 1, ring_stride], rows after the horizontal pass
    const uint8_t **taps;    // [4 * y.groups]: the ring's rows for one output
    size_t ring_rows, ring_stride;
    int received, made;
};

void resizer_begin(struct resizer *resizer, uint8_t *out, const struct resize_map *map,
                   const struct resize_kernels *kernels);
struct row_sink resizer_sink(struct resizer *resizer); // takes the rows of resizer->part
void resizer_end(struct resizer *resizer);

// All of it at once, from a picture in memory.
void resize_whole(uint8_t *out, const struct image *image, const struct resize_map *map);
