// PNG by libspng: every colour type and depth as 8 bits a channel, the high byte of 16; transparency as alpha. A row is
// predicted from the one above, so all rows down to the end of the part are decoded, and none below. There is no
// decoding at a smaller size.
#include <stdlib.h>

#include <spng.h>

#include "base/fail.h"
#include "base/memory.h"
#include "image/codec.h"
#include "image/exif.h"

enum { CHUNK_LIMIT = 16 << 20, CHUNKS_LIMIT = 64 << 20 }; // bytes of one ancillary chunk, and of all

static int png_refuse(struct picture *picture, int code) {
    bool cut = code == SPNG_IO_EOF || code == SPNG_EIDAT_TOO_SHORT;
    return picture_refuse(picture, "%s PNG: %s", cut ? "truncated" : "bad", spng_strerror(code));
}

static int png_open(struct picture *picture) {
    // Memory that never fails: zlib would call the want of it damage.
    struct spng_alloc memory = {xmalloc, xrealloc, xcalloc, free};
    spng_ctx *context = picture->state = spng_ctx_new2(&memory, 0);
    spng_set_image_limits(context, IMAGE_SIDE_LIMIT, IMAGE_SIDE_LIMIT);
    spng_set_chunk_limits(context, CHUNK_LIMIT, CHUNKS_LIMIT);
    struct spng_ihdr header;
    struct spng_exif exif;
    int code = spng_set_png_buffer(context, picture->bytes, picture->size);
    if (!code) code = spng_get_ihdr(context, &header);
    if (code) return png_refuse(picture, code);
    picture->width = (int)header.width;
    picture->height = (int)header.height;
    code = spng_get_exif(context, &exif); // reads all chunks before the pixels
    if (!code) picture->orientation = exif_orientation((const uint8_t *)exif.data, exif.length);
    return code && code != SPNG_ECHUNKAVAIL ? png_refuse(picture, code) : 0;
}

static bool has_alpha(spng_ctx *context, const struct spng_ihdr *header) {
    struct spng_trns transparency;
    return header->color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ||
           header->color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA || !spng_get_trns(context, &transparency);
}

static int read_rows(spng_ctx *context, uint8_t *rows, size_t size, int count) {
    int code = 0;
    for (int i = 0; !code && i < count; i++) code = spng_decode_row(context, rows + (size_t)i * size, size);
    return code == SPNG_EOI ? 0 : code; // said with the last row
}

// Row by row, as far as the part reaches.
static int decode_rows(spng_ctx *context, int format, int width, int channels, struct rect part, struct row_sink sink) {
    size_t size = (size_t)width * (size_t)channels;
    uint8_t *rows = xmalloc(ROW_BATCH * size);
    int code = spng_decode_image(context, NULL, 0, format, SPNG_DECODE_TRNS | SPNG_DECODE_PROGRESSIVE);
    for (int y = 0; !code && y < part.top; y++) code = read_rows(context, rows, size, 1);
    for (int done = 0; !code && done < part.height; done += ROW_BATCH) {
        int count = part.height - done < ROW_BATCH ? part.height - done : ROW_BATCH;
        code = read_rows(context, rows, size, count);
        if (!code) picture_emit(rows, width, channels, (struct rect){part.left, 0, part.width, count}, sink);
    }
    free(rows);
    return code;
}

// Adam7 gives a picture in seven passes over all of it: rows are whole only at the end.
static int decode_interlaced(spng_ctx *context, int format, const struct spng_ihdr *header, int channels,
                             struct rect part, struct row_sink sink) {
    size_t size = (size_t)header->width * header->height * (size_t)channels;
    uint8_t *pixels = xmalloc(size);
    int code = spng_decode_image(context, pixels, size, format, SPNG_DECODE_TRNS);
    if (!code) picture_emit(pixels, (int)header->width, channels, part, sink);
    free(pixels);
    return code;
}

static int png_decode(struct picture *picture, int scale, struct rect part, struct row_sink sink) {
    (void)scale;
    spng_ctx *context = picture->state;
    struct spng_ihdr header;
    spng_get_ihdr(context, &header);
    bool alpha = !picture->drops_alpha && has_alpha(context, &header);
    int format = alpha ? SPNG_FMT_RGBA8 : SPNG_FMT_RGB8, channels = alpha ? 4 : 3;
    int code = header.interlace_method ? decode_interlaced(context, format, &header, channels, part, sink)
                                       : decode_rows(context, format, (int)header.width, channels, part, sink);
    return code ? png_refuse(picture, code) : 0;
}

static void png_close(struct picture *picture) {
    spng_ctx_free(picture->state);
}

const struct codec codec_png = {"PNG", 1, png_open, png_decode, png_close};
