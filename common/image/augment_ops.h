// The operations of augment.h: each changes pixels u8 [size,size,3] in place and may use scratch, as many bytes. What a
// magnitude counts is said beside each.
#pragma once

#include <stdint.h>

#define AUGMENT_OP(name) void name(uint8_t *pixels, int size, double magnitude, uint8_t *scratch)

// augment_geometry.c
AUGMENT_OP(augment_shear_x);     // columns to the left for each row below the top
AUGMENT_OP(augment_shear_y);     // rows up for each column beside the left edge
AUGMENT_OP(augment_translate_x); // columns to the right, cut off to a whole number
AUGMENT_OP(augment_translate_y); // rows down, likewise
AUGMENT_OP(augment_rotate);      // degrees, counter-clockwise, about the middle

// augment_blend.c: 1 + magnitude times the way from a dull picture (black, grey, of one grey, blurred) to this one
AUGMENT_OP(augment_brightness);
AUGMENT_OP(augment_colour);
AUGMENT_OP(augment_contrast);
AUGMENT_OP(augment_sharpness);

// augment_levels.c
AUGMENT_OP(augment_posterize);     // bits that are kept
AUGMENT_OP(augment_solarize);      // levels from here on are inverted
AUGMENT_OP(augment_auto_contrast); // none
AUGMENT_OP(augment_equalize);      // none
