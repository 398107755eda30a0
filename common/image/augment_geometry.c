// Operations that move pixels. Each says where an output lies in the source; the pixel there is taken, or black. As in
// Pillow the places are counted in 1/65536 of a pixel and stepped by additions, whose error shows at the seams.
#include <math.h>
#include <string.h>

#include "image/augment_ops.h"

// Source x = xx·x + xy·y + x0 and y = yx·x + yy·y + y0 of an output, counted from pixels' corners.
struct affine {
    double xx, xy, x0, yx, yy, y0;
};

static int64_t fixed(double value) {
    return (int64_t)floor(value * 65536 + 0.5);
}

static void move_row(uint8_t *out, const uint8_t *source, int size, int64_t x, int64_t y, int64_t dx, int64_t dy) {
    for (const uint8_t *end = out + 3 * (size_t)size; out < end; out += 3, x += dx, y += dy) {
        const int64_t column = x >> 16, row = y >> 16;
        if (column >= 0 && column < size && row >= 0 && row < size)
            memcpy(out, source + 3 * (row * size + column), 3);
        else
            memset(out, 0, 3);
    }
}

static void move(uint8_t *pixels, int size, struct affine to, uint8_t *scratch) {
    const size_t row = 3 * (size_t)size;
    int64_t x = fixed(to.x0 + to.xx * 0.5 + to.xy * 0.5), y = fixed(to.y0 + to.yx * 0.5 + to.yy * 0.5);
    const int64_t dx = fixed(to.xx), dy = fixed(to.yx), next_x = fixed(to.xy), next_y = fixed(to.yy);
    memcpy(scratch, pixels, row * (size_t)size);
    for (int i = 0; i < size; i++, pixels += row, x += next_x, y += next_y)
        move_row(pixels, scratch, size, x, y, dx, dy);
}

AUGMENT_OP(augment_shear_x) {
    move(pixels, size, (struct affine){.xx = 1, .xy = magnitude, .yy = 1}, scratch);
}

AUGMENT_OP(augment_shear_y) {
    move(pixels, size, (struct affine){.xx = 1, .yx = magnitude, .yy = 1}, scratch);
}

AUGMENT_OP(augment_translate_x) {
    move(pixels, size, (struct affine){.xx = 1, .yy = 1, .x0 = -trunc(magnitude)}, scratch);
}

AUGMENT_OP(augment_translate_y) {
    move(pixels, size, (struct affine){.xx = 1, .yy = 1, .y0 = -trunc(magnitude)}, scratch);
}

// Pillow rounds sines to 15 decimals, so that those of a right angle are whole.
static double rounded(double value) {
    return rint(value * 1e15) / 1e15;
}

AUGMENT_OP(augment_rotate) {
    const double pi = 3.14159265358979323846, middle = size / 2.0;
    const double angle = -(magnitude < 0 ? magnitude + 360 : magnitude) * (pi / 180);
    const double cosine = rounded(cos(angle)), sine = rounded(sin(angle));
    const struct affine turn = {.xx = cosine,
                                .xy = sine,
                                .x0 = cosine * -middle + sine * -middle + middle,
                                .yx = -sine,
                                .yy = cosine,
                                .y0 = -sine * -middle + cosine * -middle + middle};
    move(pixels, size, turn, scratch);
}
