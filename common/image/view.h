// Where the views of image.h lie in a picture.
#pragma once

#include "image/codec.h"

// The rectangle of torchvision's RandomResizedCrop.get_params in a picture of width and height: ten tries of a uniform
// area and a log-uniform aspect ratio, then the largest centred rectangle of an allowed ratio. Draws by `key`.
struct rect view_random_crop(const struct view_options *options, struct random_key key, int width, int height);

bool view_is_flipped(const struct view_options *options, struct random_key key);

// Output sides of timm's ResizeKeepRatio(size, longest=1): the long side is `size`.
void view_long_side(int size, int width, int height, int *to_width, int *to_height);

// Output sides of torchvision's Resize(size), and size x size of them: the middle, as its CenterCrop, or an end of the
// long side.
void view_short_side(int size, int width, int height, int *to_width, int *to_height);
struct rect view_square(int size, enum view_place place, int width, int height);
