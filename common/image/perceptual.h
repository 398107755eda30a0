// What a picture looks like in 64 bits, which a change of size or format leaves nearly as they are.
#pragma once

#include "image/image.h"

// pHash as Python's imagehash.phash has it, but for the resize: the picture in 32 x 32 (image_resize; Lanczos there),
// its luma ⌊(19595 R + 38470 G + 7471 B + 32768) / 65536⌋, of that the two-dimensional DCT-II without scaling, and of
// the 8 x 8 lowest frequencies, the constant one among them, which are above their median (the mean of the middle two):
// row after row of vertical frequency, the first in the highest bit. Pictures that look alike differ in few bits.
//
// False where the luma's deviation is below 2 levels: a plain surface looks like every other.
bool image_perceptual_hash(uint64_t *hash, const struct image *image);
