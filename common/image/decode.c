// From an opened picture to upright pixels: whole, a part, or row by row into a sink. Codecs know only the picture as
// it is stored; what EXIF says of its orientation, and how far a decoder may shrink, is settled here. view.c is the
// main caller, with a resizer as the sink; coca-pack and tests take whole pictures.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "image/codec.h"
#include "image/orient.h"

// What the resize must still shrink after a division in the decoder. The decoder shrinks block by block, with a filter
// much like a box; the cubic that follows averages over 4·SHRINK_LEFT or more of the pixels left, which hides it.
#define SHRINK_LEFT 2.0

void image_release(struct image *image) {
    free(image->pixels);
    *image = (struct image){0};
}

static void image_rows_take(void *context, const uint8_t *rows, size_t stride, int count) {
    struct image_rows *taken = context;
    size_t size = 3 * (size_t)taken->image->width;
    for (int i = 0; i < count; i++, taken->done++)
        memcpy(taken->image->pixels + (size_t)taken->done * size, rows + (size_t)i * stride, size);
}

struct row_sink image_rows_begin(struct image_rows *rows, struct image *image, int width, int height) {
    *image = (struct image){width, height, xmalloc(3 * (size_t)width * (size_t)height)};
    *rows = (struct image_rows){.image = image};
    return (struct row_sink){image_rows_take, rows};
}

// A division by 2 is made from a shrink of 4 on, one by 4 from 8 on: what remains is always SHRINK_LEFT or more.
int picture_scale(const struct picture *picture, double shrink) {
    int scale = 1;
    while (2 * scale <= picture->codec->scale_limit && shrink >= SHRINK_LEFT * 2 * scale) scale *= 2;
    return scale;
}

static uint8_t *turned_upright(const struct image *stored, int orientation) {
    uint8_t *pixels = xmalloc(3 * (size_t)stored->width * (size_t)stored->height);
    orient_image(pixels, stored, orientation);
    return pixels;
}

// Rows of the stored picture are columns of the upright one in half of the orientations, so nothing can be handed on
// before all is there. Only the part is decoded and held, found by turning its rectangle back.
static int decode_turned(struct picture *picture, int scale, struct rect part, struct row_sink sink) {
    bool transposed = orient_transposes(picture->orientation);
    int width = picture_width(picture, scale), height = picture_height(picture, scale);
    struct rect stored =
        orient_to_stored(picture->orientation, transposed ? height : width, transposed ? width : height, part);
    struct image image;
    struct image_rows rows;
    struct row_sink into = image_rows_begin(&rows, &image, stored.width, stored.height);
    int status = picture->codec->decode(picture, scale, stored, into);
    if (!status) {
        uint8_t *upright = turned_upright(&image, picture->orientation);
        sink.rows(sink.context, upright, 3 * (size_t)part.width, part.height);
        free(upright);
    }
    image_release(&image);
    return status;
}

int picture_decode(struct picture *picture, int scale, struct rect part, struct row_sink sink) {
    if (picture->orientation != 1) return decode_turned(picture, scale, part, sink);
    return picture->codec->decode(picture, scale, part, sink);
}

// Decodes `part` into `image`, which stays empty on failure.
static int decode_into(struct image *image, struct picture *picture, int scale, struct rect part) {
    struct image_rows rows;
    struct row_sink sink = image_rows_begin(&rows, image, part.width, part.height);
    int status = picture_decode(picture, scale, part, sink);
    if (status) image_release(image);
    return status;
}

int image_decode(struct image *image, const void *bytes, size_t size, char reason[IMAGE_REASON]) {
    struct picture picture;
    *image = (struct image){0};
    int status = picture_open(&picture, bytes, size, reason);
    if (!status)
        status = decode_into(image, &picture, 1,
                             (struct rect){0, 0, picture_width(&picture, 1), picture_height(&picture, 1)});
    picture_close(&picture);
    return status;
}

struct rect rect_around(struct image_box box, int width, int height) {
    int left = (int)fmax(0, floor(box.left)), top = (int)fmax(0, floor(box.top));
    int right = (int)fmin(width, ceil(box.left + box.width)), bottom = (int)fmin(height, ceil(box.top + box.height));
    if (right <= left || bottom <= top)
        bug("a box of %g x %g at (%g, %g) lies outside a picture of %d x %d", box.width, box.height, box.left, box.top,
            width, height);
    return (struct rect){left, top, right - left, bottom - top};
}

struct image_box box_divided(struct image_box box, int scale) {
    return (struct image_box){box.left / scale, box.top / scale, box.width / scale, box.height / scale};
}

// The part may begin before the box, whose corner has fractions after a division; the box is moved by whole pixels, so
// that a resize samples at the same places as in the whole picture.
int image_decode_box(struct image *image, struct image_box *box, int target, const void *bytes, size_t size,
                     char reason[IMAGE_REASON]) {
    struct picture picture;
    *image = (struct image){0};
    int status = picture_open(&picture, bytes, size, reason);
    if (!status) {
        int scale = picture_scale(&picture, fmin(box->width, box->height) / target);
        struct image_box moved = box_divided(*box, scale);
        struct rect part = rect_around(moved, picture_width(&picture, scale), picture_height(&picture, scale));
        moved.left -= part.left;
        moved.top -= part.top;
        status = decode_into(image, &picture, scale, part);
        if (!status) *box = moved;
    }
    picture_close(&picture);
    return status;
}
