// A picture that is decoded already, as a codec among the others: what makes views of encoded pictures makes them of
// frames, too.
#include "image/codec.h"

static int no_open(struct picture *picture) {
    (void)picture;
    return 0;
}

static int hand_on(struct picture *picture, int scale, struct rect part, struct row_sink sink) {
    (void)scale;
    picture_emit(picture->bytes, picture->width, 3, part, sink);
    return 0;
}

static void no_close(struct picture *picture) {
    (void)picture;
}

static const struct codec codec_pixels = {"pixels", 1, no_open, hand_on, no_close};

void picture_of(struct picture *picture, const struct image *image, char reason[IMAGE_REASON]) {
    *picture = (struct picture){.bytes = image->pixels,
                                .size = 3 * (size_t)image->width * (size_t)image->height,
                                .width = image->width,
                                .height = image->height,
                                .orientation = 1,
                                .reason = reason,
                                .codec = &codec_pixels};
}
