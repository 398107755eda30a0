#include "image/orient.h"

#include <string.h>

// Stored column and row that the upright pixel (u, v) comes from: u and v, exchanged when transposed, then counted from
// the far side when flipped. Exif 2.32, table 6.
static const struct turn {
    bool transposed, flip_x, flip_y;
} turns[] = {
    [1] = {false, false, false}, [2] = {false, true, false}, [3] = {false, true, true}, [4] = {false, false, true},
    [5] = {true, false, false},  [6] = {true, false, true},  [7] = {true, true, true},  [8] = {true, true, false},
};

bool orient_transposes(int orientation) {
    return turns[orientation].transposed;
}

struct rect orient_to_stored(int orientation, int width, int height, struct rect upright) {
    const struct turn *turn = &turns[orientation];
    struct rect stored = upright;
    if (turn->transposed) stored = (struct rect){upright.top, upright.left, upright.height, upright.width};
    if (turn->flip_x) stored.left = width - stored.left - stored.width;
    if (turn->flip_y) stored.top = height - stored.top - stored.height;
    return stored;
}

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
