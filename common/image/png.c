// PNG by libspng: every colour type and depth as 8 bits a channel, the high byte of 16; transparency as alpha. A row is
// predicted from the one above, so all rows down to the end of the part are decoded, and none below. There is no
// decoding at a smaller size.
#include <stdlib.h>
#include <string.h>

#include <spng.h>

#include "base/fail.h"
#include "base/memory.h"
#include "image/codec.h"
#include "image/exif.h"

enum { SIGNATURE = 8 }; // bytes

static int png_refuse(struct picture *picture, int code) {
    bool cut = code == SPNG_IO_EOF || code == SPNG_EIDAT_TOO_SHORT;
    return picture_refuse(picture, "%s PNG: %s", cut ? "truncated" : "bad", spng_strerror(code));
}

static uint32_t big_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

struct png_state {
    spng_ctx *context;
    const struct picture *picture;
    size_t at, next; // what the library reads next, and where that chunk ends
};

// A chunk is a size, a name, as many bytes, and a checksum. 0 at the end of the file or where one is cut.
static size_t chunk_size(const struct picture *picture, size_t at) {
    if (at > picture->size || picture->size - at < 12) return 0;
    size_t length = big_endian(picture->bytes + at);
    return length <= picture->size - at - 12 ? length + 12 : 0;
}

static int orientation_of(const struct picture *picture) {
    size_t size;
    for (size_t at = SIGNATURE; (size = chunk_size(picture, at)); at += size)
        if (!memcmp(picture->bytes + at + 4, "eXIf", 4)) return exif_orientation(picture->bytes + at + 8, size - 12);
    return 1;
}

// A small letter begins the names of chunks that a decoder may ignore; of these only tRNS is about pixels.
static bool is_of_pixels(const uint8_t *name) {
    return !(name[0] & 0x20) || !memcmp(name, "tRNS", 4);
}

// Where a chunk begins: passes over those that are not of pixels, and finds the end of the next one that is.
static void pass_chunks(struct png_state *state) {
    const struct picture *picture = state->picture;
    while (state->at == state->next && state->at < picture->size) {
        const size_t size = chunk_size(picture, state->at);
        state->next = size ? state->at + size : picture->size;
        if (size && !is_of_pixels(picture->bytes + state->at + 4)) state->at = state->next;
    }
}

// Chunks that are not of pixels never reach the library, which would refuse the picture for what is wrong in them.
static int read_bytes(spng_ctx *context, void *user, void *to, size_t count) {
    struct png_state *state = user;
    (void)context;
    for (uint8_t *at = to; count;) {
        pass_chunks(state);
        const size_t left = state->next - state->at, some = count < left ? count : left;
        if (!some) return SPNG_IO_EOF;
        memcpy(at, state->picture->bytes + state->at, some);
        state->at += some;
        at += some;
        count -= some;
    }
    return 0;
}

static int png_open(struct picture *picture) {
    // Memory that never fails: zlib would call the want of it damage.
    struct spng_alloc memory = {xmalloc, xrealloc, xcalloc, free};
    struct png_state *state = picture->state = xcalloc(1, sizeof *state);
    *state = (struct png_state){.context = spng_ctx_new2(&memory, 0), .picture = picture, .next = SIGNATURE};
    spng_set_image_limits(state->context, IMAGE_SIDE_LIMIT, IMAGE_SIDE_LIMIT);
    struct spng_ihdr header;
    struct spng_trns transparency;
    int code = spng_set_png_stream(state->context, read_bytes, state);
    if (!code) code = spng_get_ihdr(state->context, &header);
    if (code) return png_refuse(picture, code);
    picture->width = (int)header.width;
    picture->height = (int)header.height;
    picture->orientation = orientation_of(picture);
    code = spng_get_trns(state->context, &transparency); // reads all chunks before the pixels
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
    spng_ctx *context = ((struct png_state *)picture->state)->context;
    struct spng_ihdr header;
    spng_get_ihdr(context, &header);
    bool alpha = !picture->drops_alpha && has_alpha(context, &header);
    int format = alpha ? SPNG_FMT_RGBA8 : SPNG_FMT_RGB8, channels = alpha ? 4 : 3;
    int code = header.interlace_method ? decode_interlaced(context, format, &header, channels, part, sink)
                                       : decode_rows(context, format, (int)header.width, channels, part, sink);
    return code ? png_refuse(picture, code) : 0;
}

static void png_close(struct picture *picture) {
    struct png_state *state = picture->state;
    spng_ctx_free(state->context);
    free(state);
}

const struct codec codec_png = {"PNG", 1, png_open, png_decode, png_close};
