// Inside the image room: an encoded picture, opened at its header, and what each format supplies.
#pragma once

#include "image/image.h"

enum { ROW_BATCH = 16 }; // rows a decoder hands on at a time: few enough to stay in the cache

struct rect {
    int left, top, width, height; // pixels
};

// Receives the rows of a decoded part from top to bottom, `count` at a time, 8-bit RGB, `stride` bytes apart. The bytes
// are the decoder's and last until the call returns.
struct row_sink {
    void (*rows)(void *context, const uint8_t *rows, size_t stride, int count);
    void *context;
};

// x / 255 rounded to nearest, for 0 <= x <= 255 * 255.
static inline uint8_t divide_255(unsigned x) {
    return (uint8_t)((x + 128 + ((x + 128) >> 8)) >> 8);
}

struct codec;
struct picture {
    const uint8_t *bytes; // borrowed, [size]
    size_t size;
    int width, height, orientation; // as stored, before the EXIF orientation is applied
    bool drops_alpha;               // instead of laying it over white; may be set before decoding
    char *reason;                   // [IMAGE_REASON]
    const struct codec *codec;
    void *state; // the codec's own, made by open
};

// open and decode return 0 or -EXIT_DATA with the reason filled; want of memory, which is no picture's fault, ends the
// process where the library tells it from damage. close follows an open that was called at all.
// `scale` divides the sides, rounding up; only values that `scales` admits are asked for. `part` lies in the stored
// picture after that division.
struct codec {
    const char *name;
    int scale_limit; // 1, or a power of two
    int (*open)(struct picture *picture);
    int (*decode)(struct picture *picture, int scale, struct rect part, struct row_sink sink);
    void (*close)(struct picture *picture);
};
extern const struct codec codec_jpeg, codec_png, codec_webp;

int picture_open(struct picture *picture, const void *bytes, size_t size, char reason[IMAGE_REASON]);
void picture_of(struct picture *picture, const struct image *image, char reason[IMAGE_REASON]); // borrows the pixels
void picture_close(struct picture *picture); // whatever picture_open returned

struct image_box box_divided(struct image_box box, int scale);
// The pixels of a picture of width and height that the box touches; there must be some.
struct rect rect_around(struct image_box box, int width, int height);

// Sides upright and divided by `scale`.
int picture_width(const struct picture *picture, int scale);
int picture_height(const struct picture *picture, int scale);

// The largest division of the sides by a power of two that leaves `shrink` (source pixels per output pixel) large
// enough for the resize to hide it.
int picture_scale(const struct picture *picture, double shrink);

// Decodes a part of the upright, divided picture into `sink`.
int picture_decode(struct picture *picture, int scale, struct rect part, struct row_sink sink);

// A sink that fills an image of `part`'s size, which image_rows_begin allocates.
struct image_rows {
    struct image *image;
    int done; // rows received
};
struct row_sink image_rows_begin(struct image_rows *rows, struct image *image, int width, int height);

// Says why and returns -EXIT_DATA.
int picture_refuse(struct picture *picture, const char *format, ...) __attribute__((format(printf, 2, 3)));

// For codecs that decode whole pictures: hands the part's rows of pixels [height,width,channels] to the sink, laying
// alpha (channels 4, not premultiplied) over white.
void picture_emit(const uint8_t *pixels, int width, int channels, struct rect part, struct row_sink sink);
