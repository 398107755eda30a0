// Which codec a picture is for, by its first bytes: file names and content types of collected data lie. Every picture
// enters through picture_open, which refuses by the header's numbers what would be too large, before any memory for
// pixels is asked for. Codecs are one file each and hook in by the table below.
#include <string.h>

#include "base/count.h"
#include "image/codec.h"
#include "image/foreign.h"
#include "image/orient.h"

static const struct codec *const codecs[] = {
    [IMAGE_UNKNOWN] = NULL, [IMAGE_JPEG] = &codec_jpeg, [IMAGE_PNG] = &codec_png, [IMAGE_WEBP] = &codec_webp};

enum image_format image_format_of(const void *bytes, size_t size) {
    const char *text = bytes;
    if (size >= 3 && !memcmp(text, "\xff\xd8\xff", 3)) return IMAGE_JPEG;
    if (size >= 8 && !memcmp(text, "\x89PNG\r\n\x1a\n", 8)) return IMAGE_PNG;
    if (size >= 12 && !memcmp(text, "RIFF", 4) && !memcmp(text + 8, "WEBP", 4)) return IMAGE_WEBP;
    return IMAGE_UNKNOWN;
}

const char *image_media_type(const void *bytes, size_t size) {
    switch (image_format_of(bytes, size)) {
    case IMAGE_JPEG: return "image/jpeg";
    case IMAGE_PNG: return "image/png";
    case IMAGE_WEBP: return "image/webp";
    default: return NULL;
    }
}

static int check_sides(struct picture *picture) {
    const int64_t width = picture->width, height = picture->height;
    int64_t pixels;
    if (width >= 1 && height >= 1 && width <= IMAGE_SIDE_LIMIT && height <= IMAGE_SIDE_LIMIT &&
        count_multiply(width, height, &pixels) && pixels <= IMAGE_PIXEL_LIMIT)
        return 0;
    return picture_refuse(picture, "%s of %d x %d pixels; at most %d a side and %d in all are decoded",
                          picture->codec->name, picture->width, picture->height, IMAGE_SIDE_LIMIT, IMAGE_PIXEL_LIMIT);
}

static int refuse_foreign(struct picture *picture) {
    const char *name = foreign_name(picture->bytes, picture->size);
    if (!name) return picture_refuse(picture, "neither JPEG, PNG nor WebP by its first bytes");
    return picture_refuse(picture, "neither JPEG, PNG nor WebP, but %s", name);
}

int picture_open(struct picture *picture, const void *bytes, size_t size, char reason[IMAGE_REASON]) {
    *picture = (struct picture){.bytes = bytes, .size = size, .orientation = 1, .reason = reason};
    if (!size) return picture_refuse(picture, "empty picture");
    picture->codec = codecs[image_format_of(bytes, size)];
    if (!picture->codec) return refuse_foreign(picture);
    int status = picture->codec->open(picture);
    return status ? status : check_sides(picture);
}

void picture_close(struct picture *picture) {
    if (picture->codec) picture->codec->close(picture);
}

// Rounded up, as decoders that shrink do: a last odd column becomes one of its own.
static int scaled(int side, int scale) {
    return (side + scale - 1) / scale;
}

int picture_width(const struct picture *picture, int scale) {
    return scaled(orient_transposes(picture->orientation) ? picture->height : picture->width, scale);
}

int picture_height(const struct picture *picture, int scale) {
    return scaled(orient_transposes(picture->orientation) ? picture->width : picture->height, scale);
}

int image_read_header(struct image_header *header, const void *bytes, size_t size, char reason[IMAGE_REASON]) {
    struct picture picture;
    int status = picture_open(&picture, bytes, size, reason);
    if (!status)
        *header = (struct image_header){.format = image_format_of(bytes, size),
                                        .width = picture_width(&picture, 1),
                                        .height = picture_height(&picture, 1),
                                        .orientation = picture.orientation};
    picture_close(&picture);
    return status;
}
