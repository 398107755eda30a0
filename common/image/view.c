#include "image/view.h"

#include <math.h>
#include <string.h>

#include "image/resize.h"

enum { TRIES = 10, DRAWS_OF_A_TRY = 4, DRAW_FLIP = TRIES * DRAWS_OF_A_TRY }; // counters of the key

static double between(double low, double high, double share) {
    return low + (high - low) * share;
}

// One try; false when the rectangle does not fit.
static bool try_crop(struct rect *crop, const struct view_options *options, struct random_key key, uint64_t draw,
                     int width, int height) {
    double area = between(options->scale_low, options->scale_high, random_uniform(key, draw)) * width * height;
    double ratio = exp(between(log(options->ratio_low), log(options->ratio_high), random_uniform(key, draw + 1)));
    double w = rint(sqrt(area * ratio)), h = rint(sqrt(area / ratio));
    if (w < 1 || w > width || h < 1 || h > height) return false;
    crop->width = (int)w;
    crop->height = (int)h;
    crop->top = (int)random_below(key, draw + 2, (uint64_t)(height - crop->height + 1));
    crop->left = (int)random_below(key, draw + 3, (uint64_t)(width - crop->width + 1));
    return true;
}

static struct rect centred(int width, int height, int of_width, int of_height) {
    return (struct rect){(of_width - width) / 2, (of_height - height) / 2, width, height};
}

static int at_least_one(double side) {
    return (int)fmax(1, rint(side));
}

struct rect view_random_crop(const struct view_options *options, struct random_key key, int width, int height) {
    struct rect crop;
    for (uint64_t i = 0; i < TRIES; i++) {
        if (try_crop(&crop, options, key, i * DRAWS_OF_A_TRY, width, height)) return crop;
    }
    double ratio = (double)width / height;
    if (ratio < options->ratio_low) return centred(width, at_least_one(width / options->ratio_low), width, height);
    if (ratio > options->ratio_high) return centred(at_least_one(height * options->ratio_high), height, width, height);
    return (struct rect){0, 0, width, height};
}

bool view_is_flipped(const struct view_options *options, struct random_key key) {
    return random_uniform(key, DRAW_FLIP) < options->flip;
}

void view_short_side(int size, int width, int height, int *to_width, int *to_height) {
    *to_width = width <= height ? size : (int)((int64_t)size * width / height);
    *to_height = width <= height ? (int)((int64_t)size * height / width) : size;
}

struct rect view_centre(int size, int width, int height) {
    return (struct rect){(int)rint((width - size) / 2.0), (int)rint((height - size) / 2.0), size, size};
}

static struct resize_map map_of(const struct view_options *options, struct random_key key, int width, int height) {
    int size = options->size;
    struct resize_map map = {
        .clip = {0, 0, width, height},
          .width = size, .height = size
    };
    map.window = (struct rect){0, 0, size, size};
    if (options->kind == VIEW_RANDOM_CROP) map.clip = view_random_crop(options, key, width, height);
    if (options->kind == VIEW_CENTRE_CROP) {
        view_short_side(size, width, height, &map.width, &map.height);
        map.window = view_centre(size, map.width, map.height);
    }
    map.box = (struct image_box){map.clip.left, map.clip.top, map.clip.width, map.clip.height};
    return map;
}

// Chooses the decoder's division of the sides and moves the source into the divided picture.
static int divide_map(struct resize_map *map, const struct picture *picture) {
    int scale = picture_scale(picture, fmin(map->box.width / map->width, map->box.height / map->height));
    if (scale > 1) {
        map->box = box_divided(map->box, scale);
        map->clip = rect_around(map->box, picture_width(picture, scale), picture_height(picture, scale));
    }
    return scale;
}

static void flip_left_right(uint8_t *pixels, int size) {
    for (int y = 0; y < size; y++, pixels += 3 * (size_t)size) {
        for (int left = 0, right = size - 1; left < right; left++, right--) {
            uint8_t kept[3];
            memcpy(kept, pixels + 3 * left, 3);
            memcpy(pixels + 3 * left, pixels + 3 * right, 3);
            memcpy(pixels + 3 * right, kept, 3);
        }
    }
}

static int decode_view(uint8_t *out, struct picture *picture, struct resize_map *map) {
    int scale = divide_map(map, picture);
    struct resizer resizer;
    resizer_begin(&resizer, out, map, resize_fastest());
    int status = picture_decode(picture, scale, resizer.part, resizer_sink(&resizer));
    resizer_end(&resizer);
    return status;
}

int image_view(uint8_t *out, const struct view_options *options, struct random_key key, const void *bytes, size_t size,
               char reason[IMAGE_REASON]) {
    struct picture picture;
    int status = picture_open(&picture, bytes, size, reason);
    if (!status) {
        struct resize_map map = map_of(options, key, picture_width(&picture, 1), picture_height(&picture, 1));
        status = decode_view(out, &picture, &map);
    }
    picture_close(&picture);
    if (!status && view_is_flipped(options, key)) flip_left_right(out, options->size);
    return status;
}
