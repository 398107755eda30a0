// WebP by libwebp: lossy, lossless, with or without alpha. Pictures are decoded whole, whatever the part. Animations
// are refused: which of their pictures the caption is of, nobody says. The library gives pixels without EXIF, so its
// RIFF chunks are walked here.
#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>

#include "base/fail.h"
#include "base/memory.h"
#include "image/codec.h"
#include "image/exif.h"

static const char *const status_text[] = {
    [VP8_STATUS_OK] = "no error",
    [VP8_STATUS_OUT_OF_MEMORY] = "out of memory",
    [VP8_STATUS_INVALID_PARAM] = "invalid size",
    [VP8_STATUS_BITSTREAM_ERROR] = "corrupt bitstream",
    [VP8_STATUS_UNSUPPORTED_FEATURE] = "unsupported feature",
    [VP8_STATUS_SUSPENDED] = "premature end of data",
    [VP8_STATUS_USER_ABORT] = "stopped",
    [VP8_STATUS_NOT_ENOUGH_DATA] = "premature end of data",
};

static int webp_refuse(struct picture *picture, VP8StatusCode status) {
    bool cut = status == VP8_STATUS_SUSPENDED || status == VP8_STATUS_NOT_ENOUGH_DATA;
    return picture_refuse(picture, "%s WebP: %s", cut ? "truncated" : "bad", status_text[status]);
}

static size_t little_endian(const uint8_t *bytes) {
    return (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
}

// Walks the RIFF chunks behind "RIFF", size and "WEBP"; each is a name, a size, and bytes padded to an even count.
static int orientation_of(const uint8_t *bytes, size_t size) {
    for (size_t at = 12; at + 8 <= size;) {
        size_t length = little_endian(bytes + at + 4), left = size - at - 8;
        if (length > left) return 1;
        if (!memcmp(bytes + at, "EXIF", 4)) return exif_orientation(bytes + at + 8, length);
        at += 8 + length + (length & 1);
    }
    return 1;
}

static int webp_open(struct picture *picture) {
    WebPBitstreamFeatures *features = xcalloc(1, sizeof *features);
    picture->state = features;
    VP8StatusCode status = WebPGetFeatures(picture->bytes, picture->size, features);
    if (status) return webp_refuse(picture, status);
    if (features->has_animation) return picture_refuse(picture, "animated WebP is not decoded");
    picture->width = features->width;
    picture->height = features->height;
    picture->orientation = orientation_of(picture->bytes, picture->size);
    return 0;
}

static int webp_decode(struct picture *picture, int scale, struct rect part, struct row_sink sink) {
    (void)scale;
    const WebPBitstreamFeatures *features = picture->state;
    const bool alpha = features->has_alpha && !picture->drops_alpha;
    int channels = alpha ? 4 : 3;
    size_t stride = (size_t)picture->width * (size_t)channels, size = stride * (size_t)picture->height;
    uint8_t *pixels = xmalloc(size);
    WebPDecoderConfig config;
    WebPInitDecoderConfig(&config);
    config.output.colorspace = alpha ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA = (WebPRGBABuffer){.rgba = pixels, .stride = (int)stride, .size = size};
    VP8StatusCode status = WebPDecode(picture->bytes, picture->size, &config);
    if (!status) picture_emit(pixels, picture->width, channels, part, sink);
    free(pixels);
    return status ? webp_refuse(picture, status) : 0;
}

static void webp_close(struct picture *picture) {
    free(picture->state);
}

const struct codec codec_webp = {"WebP", 1, webp_open, webp_decode, webp_close};
