// PNG and JPEG for coca-pack: bare pixels of an importer (idx files), and pictures that are made smaller on the way,
// become files again. All others are stored as they came, so nothing else encodes. JPEG errors come by longjmp, as in
// jpeg.c.
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>
#include <spng.h>

#include "base/fail.h"
#include "base/memory.h"
#include "image/image.h"

int image_encode_png(void **bytes, size_t *size, const uint8_t *pixels, int width, int height, int channels) {
    struct spng_ihdr header = {.width = (uint32_t)width, .height = (uint32_t)height, .bit_depth = 8};
    header.color_type = channels == 1 ? SPNG_COLOR_TYPE_GRAYSCALE : SPNG_COLOR_TYPE_TRUECOLOR;
    spng_ctx *context = xchecked(spng_ctx_new(SPNG_CTX_ENCODER), "libspng");
    int code = spng_set_option(context, SPNG_ENCODE_TO_BUFFER, 1);
    if (!code) code = spng_set_ihdr(context, &header);
    size_t pixel_bytes = (size_t)width * (size_t)height * (size_t)channels;
    if (!code) code = spng_encode_image(context, pixels, pixel_bytes, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
    if (!code) *bytes = spng_get_png_buffer(context, size, &code);
    spng_ctx_free(context);
    return code ? error(EXIT_RUN, "cannot encode a PNG of %d x %d: %s", width, height, spng_strerror(code)) : 0;
}

struct jpeg_writer {
    struct jpeg_compress_struct encoder;
    struct jpeg_error_mgr errors;
    jmp_buf escape;
    unsigned char *bytes;
    unsigned long size;
};

// The library's own handler would end the process.
_Noreturn static void give_up(j_common_ptr encoder) {
    struct jpeg_writer *writer = encoder->client_data;
    longjmp(writer->escape, 1);
}

static int write_jpeg(struct jpeg_writer *writer, const uint8_t *pixels, int width, int height, int quality) {
    struct jpeg_compress_struct *encoder = &writer->encoder;
    if (setjmp(writer->escape)) return -EXIT_RUN;
    jpeg_create_compress(encoder);
    jpeg_mem_dest(encoder, &writer->bytes, &writer->size);
    encoder->image_width = (JDIMENSION)width;
    encoder->image_height = (JDIMENSION)height;
    encoder->input_components = 3;
    encoder->in_color_space = JCS_RGB;
    jpeg_set_defaults(encoder);
    jpeg_set_quality(encoder, quality, TRUE);
    jpeg_start_compress(encoder, TRUE);
    while (encoder->next_scanline < encoder->image_height) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)(pixels + 3 * (size_t)width * encoder->next_scanline);
        jpeg_write_scanlines(encoder, &row, 1);
    }
    jpeg_finish_compress(encoder);
    return 0;
}

int image_encode_jpeg(void **bytes, size_t *size, const uint8_t *pixels, int width, int height, int quality) {
    struct jpeg_writer writer = {0};
    writer.encoder.err = jpeg_std_error(&writer.errors);
    writer.encoder.client_data = &writer;
    writer.errors.error_exit = give_up;
    int status = write_jpeg(&writer, pixels, width, height, quality);
    if (status) {
        char text[JMSG_LENGTH_MAX];
        writer.errors.format_message((j_common_ptr)&writer.encoder, text);
        error(EXIT_RUN, "cannot encode a JPEG of %d x %d: %s", width, height, text);
        if (!writer.encoder.next_scanline) free(writer.bytes); // later, jpeg_mem_dest may have freed it to grow
    } else {
        *bytes = writer.bytes;
        *size = writer.size;
    }
    jpeg_destroy_compress(&writer.encoder);
    return status;
}
