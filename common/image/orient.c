// The eight EXIF orientations as three questions: transposed, flipped left to right, flipped upside down. decode.c
// turns what it decoded, view.c also transposes pictures with it to resize their columns first.
#include "image/orient.h"

#include <string.h>

// Stored column x and row y that the upright pixel (u, v) comes from, in a stored picture of W × H: u and v, exchanged
// when transposed, then counted from the far side when flipped (Exif 2.32, table 6, tells which sides row 0 and column
// 0 are).
//
//   1  x = u          2  x = W − 1 − u   3  x = W − 1 − u   4  x = u
//      y = v             y = v              y = H − 1 − v      y = H − 1 − v
//   5  x = v          6  x = v           7  x = W − 1 − v   8  x = W − 1 − v
//      y = u             y = H − 1 − u      y = H − 1 − u      y = u
//
// 6, a camera held upright, is so turned a quarter clockwise: its top row is the stored first column, from below.
static const struct turn {
    bool transposed, flip_x, flip_y;
} turns[] = {
    [1] = {false, false, false}, [2] = {false, true, false}, [3] = {false, true, true}, [4] = {false, false, true},
    [5] = {true, false, false},  [6] = {true, false, true},  [7] = {true, true, true},  [8] = {true, true, false},
};

bool orient_transposes(int orientation) {
    return turns[orientation].transposed;
}

// The same map on a rectangle: its far side becomes the near one where the axis is flipped.
struct rect orient_to_stored(int orientation, int width, int height, struct rect upright) {
    const struct turn *turn = &turns[orientation];
    struct rect stored = upright;
    if (turn->transposed) stored = (struct rect){upright.top, upright.left, upright.height, upright.width};
    if (turn->flip_x) stored.left = width - stored.left - stored.width;
    if (turn->flip_y) stored.top = height - stored.top - stored.height;
    return stored;
}

// x and y are linear in u and v, so the stored pixel moves by a fixed step with each: origin is that of (0, 0), a
// flipped axis begins at its far end and steps back, a transposed picture gives u the step of y.
void orient_image(uint8_t *upright, const struct image *image, int orientation) {
    const struct turn *turn = &turns[orientation];
    ptrdiff_t width = image->width, height = image->height;
    ptrdiff_t step_x = turn->flip_x ? -3 : 3, step_y = turn->flip_y ? -3 * width : 3 * width;
    const uint8_t *origin =
        image->pixels + (turn->flip_x ? 3 * (width - 1) : 0) + (turn->flip_y ? 3 * width * (height - 1) : 0);
    ptrdiff_t columns = turn->transposed ? height : width, rows = turn->transposed ? width : height;
    ptrdiff_t step_u = turn->transposed ? step_y : step_x, step_v = turn->transposed ? step_x : step_y;
    for (ptrdiff_t v = 0; v < rows; v++) {
        for (ptrdiff_t u = 0; u < columns; u++, upright += 3) memcpy(upright, origin + u * step_u + v * step_v, 3);
    }
}
