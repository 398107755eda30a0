// Two pictures side by side, small.
#pragma once

#include "base/memory.h"
#include "base/span.h"

// A JPEG, appended: left and right in squares of 320 pixels, white where one cannot be shown. 0, or -EXIT_RUN, when it
// could not be encoded.
int pair_picture(struct buffer *jpeg, struct span left, struct span right);
