#include "photo.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "image/codec.h"

enum { WIDTH = PHOTO_WIDTH, HEIGHT = PHOTO_HEIGHT, QUALITY = 90 };
#define SIZE_WANTED (50 << 10) // bytes
#define STRONGEST 200.0        // detail

// Random values at the corners of cells, linear between them: one octave of smooth noise.
static void add_octave(float *plane, struct random_key key, int cell, double amplitude) {
    static float corners[(HEIGHT + 2) * (WIDTH + 2)];
    int columns = WIDTH / cell + 2, rows = HEIGHT / cell + 2;
    for (int i = 0; i < rows * columns; i++) corners[i] = (float)(amplitude * (random_uniform(key, (uint64_t)i) - 0.5));
    for (int y = 0; y < HEIGHT; y++) {
        float v = (float)(y % cell) / (float)cell;
        for (int x = 0; x < WIDTH; x++) {
            const float *corner = corners + y / cell * columns + x / cell;
            float u = (float)(x % cell) / (float)cell;
            *plane++ += (1 - v) * ((1 - u) * corner[0] + u * corner[1]) +
                        v * ((1 - u) * corner[columns] + u * corner[columns + 1]);
        }
    }
}

// plane [HEIGHT, WIDTH]: octaves with cells from `coarsest` down to `finest`, strength falling with the cell.
static void add_octaves(float *plane, struct random_key key, int coarsest, int finest, double strength) {
    for (int cell = coarsest; cell >= finest; cell /= 2)
        add_octave(plane, random_subkey(key, (uint64_t)cell), cell, strength * sqrt((double)cell / coarsest));
}

static int encode(void **bytes, size_t *size, const float *shape, const float *detail, double strength) {
    static uint8_t pixels[3 * WIDTH * HEIGHT];
    for (int i = 0; i < 3 * WIDTH * HEIGHT; i++) {
        double value = 128 + shape[i % 3 * WIDTH * HEIGHT + i / 3] + strength * detail[i / 3];
        pixels[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
    return image_encode_jpeg(bytes, size, pixels, WIDTH, HEIGHT, QUALITY);
}

// Searches the strength of the fine octaves that gives the size wanted.
static int encode_to_size(void **bytes, size_t *size, const float *shape, const float *detail) {
    double low = 0, high = STRONGEST;
    int status = encode(bytes, size, shape, detail, high);
    for (int i = 0; i < 12 && !status; i++) {
        double middle = (low + high) / 2;
        free(*bytes);
        *bytes = NULL;
        status = encode(bytes, size, shape, detail, middle);
        *(*size > SIZE_WANTED ? &high : &low) = middle;
    }
    return status;
}

int photo_make(void **bytes, size_t *size, uint64_t index) {
    struct random_key key = random_subkey(random_key(1, "pictures"), index);
    float *shape = xcalloc(3 * WIDTH * HEIGHT, sizeof *shape), *detail = xcalloc(WIDTH * HEIGHT, sizeof *detail);
    for (int c = 0; c < 3; c++) {
        add_octaves(shape + (size_t)c * WIDTH * HEIGHT, random_subkey(key, 9), 128, 8, 160);
        add_octaves(shape + (size_t)c * WIDTH * HEIGHT, random_subkey(key, (uint64_t)c), 128, 16, 60);
    }
    add_octaves(detail, random_subkey(key, 8), 4, 1, 1);
    int status = encode_to_size(bytes, size, shape, detail);
    free(shape);
    free(detail);
    return status;
}
