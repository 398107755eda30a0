// The pictures that a model sees: where a view lies, and the way from encoded bytes to its pixels. coca-decode calls it
// for each sample. Geometry and rounding are torchvision's and open_clip's, so that weights of others see what they
// were trained on; what is random is drawn by the sample's key and nothing else, so that any worker makes the same
// view.
#include "image/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "image/orient.h"
#include "image/resize.h"

// Counters of the key. A try has four, used or not, so try i draws the same whatever the tries before did; the flip has
// the one behind them all.
enum { TRIES = 10, DRAWS_OF_A_TRY = 4, DRAW_FLIP = TRIES * DRAWS_OF_A_TRY }; // counters of the key

static double between(double low, double high, double share) {
    return low + (high - low) * share;
}

// One try: area = share of the picture, ratio = w/h, log-uniform so that 3:4 is as likely as 4:3; then w =
// √(area·ratio), h = √(area/ratio). rint rounds halves to even, as Python does. False when the rectangle does not fit:
// of a wide picture a large upright part does not exist.
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

// After ten tries: the largest rectangle in the middle whose ratio is allowed.
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

// Python's int(size·long/short) cuts off; so does the division of whole numbers.
void view_short_side(int size, int width, int height, int *to_width, int *to_height) {
    *to_width = width <= height ? size : (int)((int64_t)size * width / height);
    *to_height = width <= height ? (int)((int64_t)size * height / width) : size;
}

static int placed(enum view_place place, int room) {
    return place == PLACE_MIDDLE ? (int)rint(room / 2.0) : place == PLACE_LAST ? room : 0;
}

struct rect view_square(int size, enum view_place place, int width, int height) {
    return (struct rect){placed(place, width - size), placed(place, height - size), size, size};
}

void view_long_side(int size, int width, int height, int *to_width, int *to_height) {
    const double ratio = fmax((double)height / size, (double)width / size);
    *to_width = at_least_one(width / ratio);
    *to_height = at_least_one(height / ratio);
}

// The picture's outputs that are wanted: all of them, but for the centre crop's, where the whole picture is resized and
// the middle kept: then the window spares the outputs around it, and the decoder the pixels that only these would read.
static struct resize_map map_of(const struct view_options *options, struct random_key key, int width, int height) {
    int size = options->size;
    struct resize_map map = {.clip = {0, 0, width, height}, .width = size, .height = size, .filter = options->filter};
    if (options->kind == VIEW_RANDOM_CROP) map.clip = view_random_crop(options, key, width, height);
    if (options->kind == VIEW_CENTRE_CROP) view_short_side(size, width, height, &map.width, &map.height);
    if (options->kind == VIEW_LONG_SIDE) view_long_side(size, width, height, &map.width, &map.height);
    map.window = (struct rect){0, 0, map.width, map.height};
    if (options->kind == VIEW_CENTRE_CROP) map.window = view_square(size, options->place, map.width, map.height);
    map.box = (struct image_box){map.clip.left, map.clip.top, map.clip.width, map.clip.height};
    return map;
}

// Chooses the decoder's division of the sides and moves the source into the divided picture. The crop's edges get
// fractions there, so the clip grows to whole pixels, and the box keeps the fractions.
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

static int decode_view(uint8_t *out, struct picture *picture, struct resize_map *map, int scale) {
    struct resizer resizer;
    resizer_begin(&resizer, out, map, resize_fastest());
    int status = picture_decode(picture, scale, resizer.part, resizer_sink(&resizer));
    resizer_end(&resizer);
    return status;
}

// Pillow 13 makes the vertical pass first where the height shrinks by more than twice what the width does, in pixels.
// The passes round and cut off in between, so the order shows at hard edges.
static bool is_vertical_first(const struct resize_map *map) {
    const int lines = map->clip.height - map->height, columns = map->clip.width - map->width;
    return lines > 0 && lines > 2 * columns;
}

static struct rect rect_turned(struct rect rect) {
    return (struct rect){rect.top, rect.left, rect.height, rect.width};
}

// As decode_view with the vertical pass first: in a picture whose rows and columns have changed places.
static int decode_vertical_first(uint8_t *out, struct picture *picture, const struct resize_map *map) {
    enum { TRANSPOSES = 5 }; // of EXIF's orientations
    struct image upright, turned = {map->clip.height, map->clip.width, NULL};
    struct image_rows rows;
    struct row_sink sink = image_rows_begin(&rows, &upright, map->clip.width, map->clip.height);
    int status = picture_decode(picture, 1, map->clip, sink);
    if (!status) {
        const struct rect window = rect_turned(map->window);
        const struct resize_map across = {
            rect_turned(map->clip), {0, 0, turned.width, turned.height}, map->height, map->width, window, map->filter};
        struct image made = {window.width, window.height, xmalloc(3 * (size_t)window.width * (size_t)window.height)};
        turned.pixels = xmalloc(3 * (size_t)turned.width * (size_t)turned.height);
        orient_image(turned.pixels, &upright, TRANSPOSES);
        image_release(&upright); // a large picture is held twice for a moment only
        resize_whole(made.pixels, &turned, &across);
        orient_image(out, &made, TRANSPOSES);
        image_release(&made);
    }
    image_release(&turned);
    image_release(&upright);
    return status;
}

// A training view may take a short cut in the decoder; the others are to the pixel.
static int make_view(uint8_t *out, const struct view_options *options, struct picture *picture,
                     struct resize_map *map) {
    if (options->kind == VIEW_RANDOM_CROP) return decode_view(out, picture, map, divide_map(map, picture));
    return is_vertical_first(map) ? decode_vertical_first(out, picture, map) : decode_view(out, picture, map, 1);
}

// out [size,size,3]: pixels [height,width,3] in the middle of `fill`.
static void frame(uint8_t *out, int size, const uint8_t *pixels, int width, int height, uint8_t fill) {
    const size_t left = 3 * (size_t)((size - width) / 2), row = 3 * (size_t)size, part = 3 * (size_t)width;
    memset(out, fill, row * (size_t)size);
    out += row * (size_t)((size - height) / 2) + left;
    for (int y = 0; y < height; y++, out += row, pixels += part) memcpy(out, pixels, part);
}

static int make_framed(uint8_t *out, const struct view_options *options, struct picture *picture,
                       struct resize_map *map) {
    if (map->window.width == options->size && map->window.height == options->size)
        return make_view(out, options, picture, map);
    uint8_t *pixels = xmalloc(3 * (size_t)map->width * (size_t)map->height);
    int status = make_view(pixels, options, picture, map);
    if (!status) frame(out, options->size, pixels, map->width, map->height, options->fill);
    free(pixels);
    return status;
}

static int view_picture(uint8_t *out, const struct view_options *options, struct random_key key,
                        struct picture *picture) {
    struct resize_map map = map_of(options, key, picture_width(picture, 1), picture_height(picture, 1));
    picture->drops_alpha = options->drops_alpha;
    int status = make_framed(out, options, picture, &map);
    if (!status && view_is_flipped(options, key)) flip_left_right(out, options->size);
    return status;
}

int image_view(uint8_t *out, const struct view_options *options, struct random_key key, const void *bytes, size_t size,
               char reason[IMAGE_REASON]) {
    struct picture picture;
    int status = picture_open(&picture, bytes, size, reason);
    if (!status) status = view_picture(out, options, key, &picture);
    picture_close(&picture);
    return status;
}

int image_view_pixels(uint8_t *out, const struct view_options *options, struct random_key key,
                      const struct image *image, char reason[IMAGE_REASON]) {
    struct picture picture;
    picture_of(&picture, image, reason);
    return view_picture(out, options, key, &picture);
}
