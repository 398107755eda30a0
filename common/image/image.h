// Pictures: decode, crop, resize, to u8 RGB.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"

#define IMAGE_SIDE_LIMIT 65500      // pixels
#define IMAGE_PIXEL_LIMIT 178956970 // as PIL's decompression-bomb limit × 2: more is refused

enum image_format { IMAGE_UNKNOWN, IMAGE_JPEG, IMAGE_PNG, IMAGE_WEBP };

enum image_format image_format_of(const void *bytes, size_t size); // by signature, never by name
const char *image_media_type(const void *bytes, size_t size);      // "image/png"; NULL: none that is decoded

// What the header of an encoded picture says, before any pixel is decoded.
struct image_header {
    enum image_format format;
    int width, height; // upright: after EXIF orientation
    int orientation;   // EXIF 1 … 8
};

// A rectangle of the upright picture, in pixels; may have fractions, as a resize's source box.
struct image_box {
    double left, top, width, height;
};

// 8-bit RGB, row-major, rows without padding. Owned; release with image_release.
struct image {
    int width, height;
    uint8_t *pixels; // [height, width, 3]
};
void image_release(struct image *image);

// Why a picture could not be decoded, for the caller's report (which knows the record's name): "truncated JPEG: …".
#define IMAGE_REASON 160

// 0, or -EXIT_DATA with `reason` filled and nothing printed.
int image_read_header(struct image_header *header, const void *bytes, size_t size, char reason[IMAGE_REASON]);

// Decodes the whole picture, upright: grey, palette, 16-bit, CMYK and YCCK become RGB, alpha is laid over white.
int image_decode(struct image *image, const void *bytes, size_t size, char reason[IMAGE_REASON]);

// Decodes what the box needs only, and moves `box` into the decoded part's coordinates. Nothing outside the box (grown
// to whole pixels) is kept, so that a resize of the part is torchvision's crop-then-resize. The pixels are those of
// image_decode, unless the box is to be shrunk to `target` pixels a side by 4 or more: a JPEG's sides are then halved
// or quartered in the decoder, which leaves a shrink of at least 2 (over 50 dB from the whole way). A box lies in the
// picture.
int image_decode_box(struct image *image, struct image_box *box, int target, const void *bytes, size_t size,
                     char reason[IMAGE_REASON]);

// Bicubic (a = −0.5) with antialiasing, in fixed point, bit for bit PIL's Image.resize(size, BICUBIC, box): out u8
// [height,width,3]. The horizontal pass comes first, as always in PIL up to 12 (13 chooses by cost, which moves some
// pixels by a level or more). The filter reads beyond the box, up to the image's sides. The box lies in the image.
void image_resize(uint8_t *out, int width, int height, const struct image *image, struct image_box box);

// How a resize weighs source pixels: cubic with a = −0.5, or linear; both stretched against aliasing.
enum image_filter { FILTER_BICUBIC, FILTER_BILINEAR };

// One training view or evaluation view of an encoded picture.
enum view_kind { VIEW_RANDOM_CROP, VIEW_CENTRE_CROP, VIEW_LONG_SIDE, VIEW_SQUASH };
// Where a centre crop lies along the long side: in the middle, at the left or top, at the right or bottom.
enum view_place { PLACE_MIDDLE, PLACE_FIRST, PLACE_LAST };
struct view_options {
    enum view_kind kind;
    int size;                     // output pixels a side
    double scale_low, scale_high; // area of the random crop as a share of the picture: 0.9, 1.0
    double ratio_low, ratio_high; // its aspect ratio: 3/4, 4/3 (torchvision's RandomResizedCrop)
    enum view_place place;        // of VIEW_CENTRE_CROP
    double flip;                  // probability of a left-right flip
    enum image_filter filter;     // bicubic
    uint8_t fill;                 // grey around a picture whose long side is made `size`
    bool drops_alpha;             // transparent pixels have the colour they are stored with, instead of lying on white
};

// out u8 [size,size,3]. The crop and flip are functions of `key` alone. A random crop is decoded as image_decode_box
// does, so a picture damaged below the crop gives a view, and a JPEG that shrinks much does so in the decoder.
// The others are open_clip's evaluation transforms with `resize_mode` shortest, longest and squash, decoded in full
// and resized as Pillow 13 does: the short side made `size` and the centre cut out; the long side made `size`, in the
// middle of `fill`; each side made `size`. Rotation by EXIF is applied first, where open_clip's loaders ignore it.
int image_view(uint8_t *out, const struct view_options *options, struct random_key key, const void *bytes, size_t size,
               char reason[IMAGE_REASON]);

// The same of a picture that is decoded: a frame.
int image_view_pixels(uint8_t *out, const struct view_options *options, struct random_key key,
                      const struct image *image, char reason[IMAGE_REASON]);

// Encoders, for packing. Appends to nothing: returns malloc'ed bytes that the caller frees; `channels` 1 or 3.
int image_encode_png(void **bytes, size_t *size, const uint8_t *pixels, int width, int height, int channels);
int image_encode_jpeg(void **bytes, size_t *size, const uint8_t *pixels, int width, int height, int quality);
