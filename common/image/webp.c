// WebP by libwebp: lossy, lossless, with or without alpha. Pictures are decoded whole, whatever the part. Of an
// animation it is the first frame, on the canvas as Pillow shows it: around a frame that is smaller nothing is, which
// is transparent black. The library gives pixels without EXIF, so its RIFF chunks are walked here.
#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

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
    picture->width = features->width;
    picture->height = features->height;
    picture->orientation = orientation_of(picture->bytes, picture->size);
    return 0;
}

// Pixels of the canvas [height, width, channels].
struct canvas {
    uint8_t *pixels;
    size_t stride, size; // bytes
    int channels;        // 3, or 4 with alpha
};

// `bitstream` is a whole file or the data of a frame, which goes to the pixel (left, top).
static VP8StatusCode decode_bitstream(const struct canvas *canvas, const uint8_t *bitstream, size_t size, size_t left,
                                      size_t top) {
    const size_t at = top * canvas->stride + left * (size_t)canvas->channels;
    WebPDecoderConfig config;
    WebPInitDecoderConfig(&config);
    config.output.colorspace = canvas->channels == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA =
        (WebPRGBABuffer){.rgba = canvas->pixels + at, .stride = (int)canvas->stride, .size = canvas->size - at};
    return WebPDecode(bitstream, size, &config);
}

// The demuxer has checked that the frame lies in the canvas.
static VP8StatusCode decode_first_frame(const struct canvas *canvas, const struct picture *picture) {
    const WebPData file = {picture->bytes, picture->size};
    WebPDemuxState state;
    WebPIterator frame;
    WebPDemuxer *demuxer = WebPDemuxPartial(&file, &state);
    VP8StatusCode status = state == WEBP_DEMUX_PARSE_ERROR ? VP8_STATUS_BITSTREAM_ERROR : VP8_STATUS_NOT_ENOUGH_DATA;
    if (state == WEBP_DEMUX_DONE && WebPDemuxGetFrame(demuxer, 1, &frame)) {
        status = decode_bitstream(canvas, frame.fragment.bytes, frame.fragment.size, (size_t)frame.x_offset,
                                  (size_t)frame.y_offset);
        WebPDemuxReleaseIterator(&frame);
    }
    WebPDemuxDelete(demuxer);
    return status;
}

static int webp_decode(struct picture *picture, int scale, struct rect part, struct row_sink sink) {
    (void)scale;
    const WebPBitstreamFeatures *features = picture->state;
    struct canvas canvas = {.channels = features->has_alpha && !picture->drops_alpha ? 4 : 3};
    canvas.stride = (size_t)picture->width * (size_t)canvas.channels;
    canvas.size = canvas.stride * (size_t)picture->height;
    canvas.pixels = xcalloc(canvas.size, 1);
    VP8StatusCode status = features->has_animation ? decode_first_frame(&canvas, picture)
                                                   : decode_bitstream(&canvas, picture->bytes, picture->size, 0, 0);
    if (!status) picture_emit(canvas.pixels, picture->width, canvas.channels, part, sink);
    free(canvas.pixels);
    return status ? webp_refuse(picture, status) : 0;
}

static void webp_close(struct picture *picture) {
    free(picture->state);
}

const struct codec codec_webp = {"WebP", 1, webp_open, webp_decode, webp_close};
