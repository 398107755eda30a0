// What the codecs have in common: a refusal in words, and rows of a picture that was decoded whole on their way to a
// sink. Which codec a picture is for is format.c's affair, which names them all; nothing here knows any.
#include "image/codec.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fail.h"
#include "base/memory.h"

int picture_refuse(struct picture *picture, const char *format, ...) {
    va_list list;
    va_start(list, format);
    vsnprintf(picture->reason, IMAGE_REASON, format, list);
    va_end(list);
    return -EXIT_DATA;
}

static void lay_over_white(uint8_t *rgb, const uint8_t *rgba, int width) {
    for (int i = 0; i < width; i++, rgb += 3, rgba += 4) {
        unsigned alpha = rgba[3];
        for (int c = 0; c < 3; c++) rgb[c] = divide_255(alpha * rgba[c] + (255 - alpha) * 255);
    }
}

// RGB rows go on where they lie; RGBA needs a copy, made a batch at a time to stay in the cache.
void picture_emit(const uint8_t *pixels, int width, int channels, struct rect part, struct row_sink sink) {
    size_t stride = (size_t)width * (size_t)channels, size = 3 * (size_t)part.width;
    pixels += (size_t)part.top * stride + (size_t)part.left * (size_t)channels;
    if (channels == 3) {
        sink.rows(sink.context, pixels, stride, part.height);
        return;
    }
    uint8_t *rows = xmalloc(ROW_BATCH * size);
    for (int done = 0; done < part.height; done += ROW_BATCH) {
        int count = part.height - done < ROW_BATCH ? part.height - done : ROW_BATCH;
        for (int i = 0; i < count; i++, pixels += stride) lay_over_white(rows + (size_t)i * size, pixels, part.width);
        sink.rows(sink.context, rows, size, count);
    }
    free(rows);
}
