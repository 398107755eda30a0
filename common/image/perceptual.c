// The perceptual hash of `coca-pack dedup`. Half of its bits are set whatever the picture is, since they tell what is
// above a median.
#include "image/perceptual.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 32, LOW = 8, BITS = LOW * LOW };
#define DEVIATION_LEAST 2.0

static void luma_of(double luma[SIDE][SIDE], const struct image *image) {
    uint8_t small[SIDE][SIDE][3];
    image_resize(&small[0][0][0], SIDE, SIDE, image, (struct image_box){0, 0, image->width, image->height});
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const unsigned red = small[y][x][0], green = small[y][x][1], blue = small[y][x][2];
            luma[y][x] = (red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16;
        }
}

static bool is_plain(double luma[SIDE][SIDE]) {
    double sum = 0, squares = 0;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) sum += luma[y][x], squares += luma[y][x] * luma[y][x];
    const double mean = sum / (SIDE * SIDE);
    return squares / (SIDE * SIDE) - mean * mean < DEVIATION_LEAST * DEVIATION_LEAST;
}

// low[k][l] = Σ_yx luma[y][x] · cos(π(2y + 1)k / 64) · cos(π(2x + 1)l / 64), one axis after the other.
static void transform(double low[BITS], double luma[SIDE][SIDE]) {
    double wave[LOW][SIDE], columns[LOW][SIDE] = {{0}};
    for (int k = 0; k < LOW; k++)
        for (int i = 0; i < SIDE; i++) wave[k][i] = cos(M_PI * (2 * i + 1) * k / (2 * SIDE));
    for (int k = 0; k < LOW; k++)
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) columns[k][x] += wave[k][y] * luma[y][x];
    for (int k = 0; k < LOW; k++)
        for (int l = 0; l < LOW; l++) {
            low[k * LOW + l] = 0;
            for (int x = 0; x < SIDE; x++) low[k * LOW + l] += wave[l][x] * columns[k][x];
        }
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double low[BITS]) {
    double sorted[BITS];
    memcpy(sorted, low, sizeof sorted);
    qsort(sorted, BITS, sizeof *sorted, compare);
    return (sorted[BITS / 2 - 1] + sorted[BITS / 2]) / 2;
}

bool image_perceptual_hash(uint64_t *hash, const struct image *image) {
    double luma[SIDE][SIDE], low[BITS];
    *hash = 0;
    luma_of(luma, image);
    if (is_plain(luma)) return false;
    transform(low, luma);
    const double middle = median(low);
    for (int i = 0; i < BITS; i++) *hash = *hash << 1 | (low[i] > middle);
    return true;
}
