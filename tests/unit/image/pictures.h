// Pictures for the tests of this room.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// After these four, which it needs.
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "image/image.h"

// samples [height, width, channels]: smooth colours, noise and a hard edge.
static inline uint8_t *picture_make(int width, int height, int channels) {
    uint8_t *samples = xmalloc((size_t)width * (size_t)height * (size_t)channels), *to = samples;
    struct random_key key = random_key(7, "picture");
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            for (int c = 0; c < channels; c++, to++) {
                double smooth = 115 + 80 * sin(x / (7.0 + c)) * cos(y / (9.0 - c)) + (x > width / 2 ? 20 : 0);
                *to = (uint8_t)(smooth + (double)random_below(key, (uint64_t)(to - samples), 20));
            }
        }
    }
    return samples;
}

struct jpeg_kind {
    const char *name;
    int channels; // 1, 3 or 4
    J_COLOR_SPACE stored;
    int h, v; // sampling of the first component against the others
    bool progressive, arithmetic;
    unsigned restart; // MCUs
    bool separate;    // each component has its scan
};

static inline void jpeg_set_kind(struct jpeg_compress_struct *encoder, const struct jpeg_kind *kind) {
    static const jpeg_scan_info scans[] = {
        {1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}, {1, {3}, 0, 63, 0, 0}};
    jpeg_set_colorspace(encoder, kind->stored);
    jpeg_set_quality(encoder, 90, TRUE);
    for (int c = 0; c < encoder->num_components; c++) {
        encoder->comp_info[c].h_samp_factor = c % 3 ? 1 : kind->h; // black is as fine as what is first
        encoder->comp_info[c].v_samp_factor = c % 3 ? 1 : kind->v;
    }
    encoder->restart_interval = kind->restart;
    encoder->arith_code = kind->arithmetic;
    if (kind->progressive) jpeg_simple_progression(encoder);
    if (kind->separate) {
        encoder->scan_info = scans;
        encoder->num_scans = encoder->num_components;
    }
}

// The caller frees bytes.
static inline void jpeg_make(unsigned char **bytes, unsigned long *size, const struct jpeg_kind *kind, int width,
                             int height) {
    static const J_COLOR_SPACE spaces[] = {[1] = JCS_GRAYSCALE, [3] = JCS_RGB, [4] = JCS_CMYK};
    struct jpeg_compress_struct encoder;
    struct jpeg_error_mgr errors;
    encoder.err = jpeg_std_error(&errors);
    jpeg_create_compress(&encoder);
    *bytes = NULL;
    jpeg_mem_dest(&encoder, bytes, size);
    encoder.image_width = (JDIMENSION)width;
    encoder.image_height = (JDIMENSION)height;
    encoder.input_components = kind->channels;
    encoder.in_color_space = spaces[kind->channels];
    jpeg_set_defaults(&encoder);
    jpeg_set_kind(&encoder, kind);
    jpeg_start_compress(&encoder, TRUE);
    uint8_t *samples = picture_make(width, height, kind->channels);
    for (JSAMPROW row = samples; encoder.next_scanline < encoder.image_height; row += width * kind->channels)
        jpeg_write_scanlines(&encoder, &row, 1);
    jpeg_finish_compress(&encoder);
    jpeg_destroy_compress(&encoder);
    free(samples);
}

static inline int largest_difference(const uint8_t *a, const uint8_t *b, size_t size) {
    int most = 0;
    for (size_t i = 0; i < size; i++) most = abs(a[i] - b[i]) > most ? abs(a[i] - b[i]) : most;
    return most;
}

static inline void read_picture(struct buffer *buffer, const char *name) {
    char *path = path_join("parity/images", name);
    *buffer = (struct buffer){0};
    assert_int_equal(file_read(path, 1 << 20, buffer), 0);
    free(path);
}
