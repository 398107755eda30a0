// EXIF orientations: how a stored picture is turned upright.
#pragma once

#include "image/codec.h"

bool orient_transposes(int orientation); // whether width and height change places

// The stored rectangle that becomes `upright`, in a stored picture of width and height.
struct rect orient_to_stored(int orientation, int width, int height, struct rect upright);

// upright [image's sides after turning, 3] from image.
void orient_image(uint8_t *upright, const struct image *image, int orientation);
