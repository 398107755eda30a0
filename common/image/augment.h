// RandAugment (Cubuk et al., 2020) as torchvision.transforms.RandAugment does it to Pillow's pictures: of 14 operations
// some are drawn, each as likely as the others and with the same magnitude of 0 … 30, and applied in turn. Every
// operation makes Pillow's bytes: nearest neighbour, black where nothing is.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"

enum { AUGMENT_LAYERS = 16, AUGMENT_LEVELS = 31 };

struct augment_options {
    int layers; // 0 … AUGMENT_LAYERS operations one after the other
    int level;  // 0 … AUGMENT_LEVELS - 1: the magnitude as it is counted in RandAugment(n, m)
};

// pixels u8 [size,size,3] in place; scratch: as many bytes, borrowed. What is drawn is a function of `key` alone.
void image_augment(uint8_t *pixels, int size, const struct augment_options *options, struct random_key key,
                   uint8_t *scratch);

// Its parts, for tests.
struct augment_op {
    const char *name; // torchvision's
    // NULL: the picture stays as it is.
    void (*apply)(uint8_t *pixels, int size, double magnitude, uint8_t *scratch);
    double first, last; // magnitudes of the first and the last level, those between at equal distances
    bool of_side;       // in picture sides instead of the operation's own unit
    bool either_way;    // the magnitude's sign is drawn too
};
enum { AUGMENT_OPS = 14 };
extern const struct augment_op augment_ops[AUGMENT_OPS];
double augment_magnitude(const struct augment_op *op, int level, int size);

struct augment_draw {
    const struct augment_op *op;
    bool is_negative;
};
struct augment_draw augment_draw(struct random_key key, int layer);
