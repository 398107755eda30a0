// The pictures of `dedup --html`: shrunk, as a hundred pairs of photographs are otherwise too much for a browser.
#include "pair.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/image.h"

enum { SIDE = 320, GAP = 8, WIDTH = 2 * SIDE + GAP, QUALITY = 85 };

// In the middle of the square whose left side is at x, and not larger than it is.
static void place(uint8_t *page, int x, const struct image *image) {
    const double scale = fmin(1, (double)SIDE / (image->width > image->height ? image->width : image->height));
    const int width = (int)fmax(1, image->width * scale), height = (int)fmax(1, image->height * scale);
    const size_t row = 3 * (size_t)width;
    uint8_t *pixels = xcalloc((size_t)height, row);
    image_resize(pixels, width, height, image, (struct image_box){0, 0, image->width, image->height});
    x += (SIDE - width) / 2;
    for (int y = 0; y < height; y++)
        memcpy(page + 3 * ((size_t)(y + (SIDE - height) / 2) * WIDTH + (size_t)x), pixels + (size_t)y * row, row);
    free(pixels);
}

static void show(uint8_t *page, int x, struct span picture) {
    struct image image;
    char reason[IMAGE_REASON];
    if (!picture.size || image_decode(&image, picture.bytes, picture.size, reason)) return;
    place(page, x, &image);
    image_release(&image);
}

int pair_picture(struct buffer *jpeg, struct span left, struct span right) {
    const size_t bytes = (size_t)3 * WIDTH * SIDE;
    uint8_t *page = xmalloc(bytes);
    void *encoded;
    size_t size;
    memset(page, 0xff, bytes);
    show(page, 0, left);
    show(page, SIDE + GAP, right);
    int status = image_encode_jpeg(&encoded, &size, page, WIDTH, SIDE, QUALITY);
    free(page);
    if (status) return error(EXIT_RUN, "a pair of pictures cannot be encoded");
    buffer_append(jpeg, encoded, size);
    free(encoded);
    return 0;
}
