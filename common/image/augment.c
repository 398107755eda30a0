// RandAugment: which operations there are, how strong they are at each level, and which of them a key draws.
#include "image/augment.h"

#include <math.h>

#include "image/augment_ops.h"

// In torchvision's order. A translation goes up to the 150 pixels that AutoAugment moved pictures of 331.
const struct augment_op augment_ops[AUGMENT_OPS] = {
    {.name = "Identity"},
    {"ShearX", augment_shear_x, 0, 0.3, .either_way = true},
    {"ShearY", augment_shear_y, 0, 0.3, .either_way = true},
    {"TranslateX", augment_translate_x, 0, 150.0 / 331, .of_side = true, .either_way = true},
    {"TranslateY", augment_translate_y, 0, 150.0 / 331, .of_side = true, .either_way = true},
    {"Rotate", augment_rotate, 0, 30, .either_way = true},
    {"Brightness", augment_brightness, 0, 0.9, .either_way = true},
    {"Color", augment_colour, 0, 0.9, .either_way = true},
    {"Contrast", augment_contrast, 0, 0.9, .either_way = true},
    {"Sharpness", augment_sharpness, 0, 0.9, .either_way = true},
    {.name = "Posterize", .apply = augment_posterize, .first = 8, .last = 4},
    {.name = "Solarize", .apply = augment_solarize, .first = 255, .last = 0},
    {.name = "AutoContrast", .apply = augment_auto_contrast},
    {.name = "Equalize", .apply = augment_equalize},
};

// In floats, from the nearer end and rounded once, as torch.linspace on processors with AVX2: a level of brightness and
// a translation, which is cut off to whole pixels, hang on the last bit.
double augment_magnitude(const struct augment_op *op, int level, int size) {
    enum { STEPS = AUGMENT_LEVELS - 1 };
    const float first = (float)op->first, last = (float)(op->of_side ? op->last * size : op->last);
    const float step = (last - first) / STEPS;
    return level < AUGMENT_LEVELS / 2 ? first + step * (float)level : fmaf(-step, (float)(STEPS - level), last);
}

// Two counters of the key for each layer, used or not.
struct augment_draw augment_draw(struct random_key key, int layer) {
    const uint64_t counter = 2 * (uint64_t)layer;
    const struct augment_op *op = &augment_ops[random_below(key, counter, AUGMENT_OPS)];
    return (struct augment_draw){op, op->either_way && random_below(key, counter + 1, 2)};
}

void image_augment(uint8_t *pixels, int size, const struct augment_options *options, struct random_key key,
                   uint8_t *scratch) {
    for (int layer = 0; layer < options->layers; layer++) {
        const struct augment_draw drawn = augment_draw(key, layer);
        const double magnitude = augment_magnitude(drawn.op, options->level, size);
        if (drawn.op->apply) drawn.op->apply(pixels, size, drawn.is_negative ? -magnitude : magnitude, scratch);
    }
}
