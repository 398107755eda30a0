// An encoded picture: header, whole, a part, and a view. The first byte chooses part and view.
#include <stdlib.h>

#include "image/image.h"

#define PIXELS_TRIED (1 << 18) // more only costs time

static void try_part(const struct image_header *header, unsigned choice, const uint8_t *bytes, size_t size) {
    int width = 1 + (int)(choice % 16) * (header->width - 1) / 15,
        height = 1 + (int)(choice / 16) * (header->height - 1) / 15;
    struct image_box box = {header->width - width, header->height - height, width, height};
    struct image image;
    char reason[IMAGE_REASON];
    if (image_decode_box(&image, &box, 1 + (int)choice % 32, bytes, size, reason)) return;
    uint8_t out[3 * 7 * 5];
    image_resize(out, 7, 5, &image, box);
    image_release(&image);
}

static void try_view(unsigned choice, const uint8_t *bytes, size_t size) {
    enum { SIDE = 20 };
    struct view_options options = {.kind = (enum view_kind)(choice % 4),
                                   .size = SIDE,
                                   .scale_low = 0.3,
                                   .scale_high = 1,
                                   .ratio_low = 0.75,
                                   .ratio_high = 4.0 / 3,
                                   .flip = 0.5,
                                   .filter = (enum image_filter)(choice / 4 % 2),
                                   .fill = (uint8_t)choice,
                                   .drops_alpha = choice / 8 % 2};
    uint8_t out[3 * SIDE * SIDE];
    char reason[IMAGE_REASON];
    image_view(out, &options, random_subkey(random_key(1, "fuzz"), choice), bytes, size, reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct image_header header;
    struct image image;
    char reason[IMAGE_REASON];
    if (!size) return 0;
    unsigned choice = *data++;
    size--;
    if (image_read_header(&header, data, size, reason) || (int64_t)header.width * header.height > PIXELS_TRIED)
        return 0;
    if (!image_decode(&image, data, size, reason) && (image.width != header.width || image.height != header.height))
        abort();
    image_release(&image);
    try_part(&header, choice, data, size);
    try_view(choice, data, size);
    return 0;
}
