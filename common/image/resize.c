// A resize in two passes, across and then down, as Pillow makes them. The filter is a product of one in x and one in y,
// so two passes of k taps each give what one of k² would; and since Pillow rounds to bytes and cuts off at 0 and 255 in
// between, equal results ask for equal passes in the same order. The source comes in rows, straight from a decoder; of
// what the first pass made only as many rows are held as the second needs at once. view.c and image_resize call it.
#include "image/resize.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void axis_prepare(struct axis *axis, const struct resize_kernels *kernels) {
    kernels->prepare((int32_t(*)[4])axis->weights, (size_t)((axis->size + 3) & ~3) * (size_t)axis->groups);
}

static uint8_t *zeroes(size_t size) {
    return memset(xaligned(size), 0, size);
}

// The axes are placed in the clip: pixels outside of it do not exist, whatever the picture has there. part is what they
// need of the clip: less than all of it where a window leaves outputs out.
//
// Rows in the ring: an output that waits for its last row has longest − 1 of them, and KERNEL_ROWS more come at once.
void resizer_begin(struct resizer *resizer, uint8_t *out, const struct resize_map *map,
                   const struct resize_kernels *kernels) {
    const struct rect *clip = &map->clip, *window = &map->window;
    double left = map->box.left - clip->left, top = map->box.top - clip->top;
    struct axis_map x = {clip->width,   left,       left + map->box.width, map->width, window->left,
                         window->width, map->filter};
    struct axis_map y = {clip->height,   top,        top + map->box.height, map->height, window->top,
                         window->height, map->filter};
    *resizer = (struct resizer){.out = out, .kernels = kernels};
    axis_begin(&resizer->x, &x, kernels->align);
    axis_begin(&resizer->y, &y, 1);
    resizer->part =
        (struct rect){clip->left + resizer->x.first, clip->top + resizer->y.first, resizer->x.count, resizer->y.count};
    resizer->ring_rows = (size_t)resizer->y.longest + KERNEL_ROWS;
    resizer->ring_stride = (3 * (size_t)window->width + KERNEL_PADDING + 63) & ~(size_t)63;
    resizer->ring = zeroes((resizer->ring_rows + 1) * resizer->ring_stride);
    resizer->scratch = zeroes(((size_t)(resizer->x.count + 3) / 4 + (size_t)resizer->x.groups) * kernels->group);
    resizer->taps = xmalloc(4 * (size_t)resizer->y.groups * sizeof *resizer->taps);
    axis_prepare(&resizer->x, kernels);
    axis_prepare(&resizer->y, kernels);
}

static uint8_t *ring_row(const struct resizer *resizer, int row) {
    return resizer->ring + (size_t)row % resizer->ring_rows * resizer->ring_stride;
}

// The row behind the ring: where the results of rows that are not there go, and where a finished output row waits.
static uint8_t *spare_row(const struct resizer *resizer) {
    return resizer->ring + resizer->ring_rows * resizer->ring_stride;
}

// Up to KERNEL_ROWS rows; the last one stands in for those that are missing.
static void take_rows(struct resizer *resizer, const uint8_t *rows, size_t stride, int count) {
    const uint8_t *from[KERNEL_ROWS];
    uint8_t *to[KERNEL_ROWS];
    for (int i = 0; i < KERNEL_ROWS; i++) {
        from[i] = rows + stride * (size_t)(i < count ? i : count - 1);
        to[i] = i < count ? ring_row(resizer, resizer->received + i) : spare_row(resizer);
    }
    resizer->kernels->horizontal(to, from, &resizer->x, resizer->scratch);
    resizer->received += count;
}

// Weights are padded with zeros to groups of four taps; any row may stand for those, and the last one is at hand.
// Kernels write whole vectors, beyond the row's end: so the result waits in the spare row and is copied at its length.
static void make_row(struct resizer *resizer) {
    const struct axis *y = &resizer->y;
    int start = y->start[resizer->made], last = y->taps[resizer->made] - 1;
    const int32_t *weights = y->weights + (size_t)resizer->made * 4 * (size_t)y->groups;
    size_t size = 3 * (size_t)resizer->x.size;
    for (int t = 0; t < 4 * y->groups; t++) resizer->taps[t] = ring_row(resizer, start + (t < last ? t : last));
    resizer->kernels->vertical(spare_row(resizer), resizer->taps, (const int32_t(*)[4])weights, y->groups, size);
    memcpy(resizer->out + (size_t)resizer->made * size, spare_row(resizer), size);
    resizer->made++;
}

// As soon as an output's last row is there, it is made, so that its rows may be overwritten.
static void resizer_rows(void *context, const uint8_t *rows, size_t stride, int count) {
    struct resizer *resizer = context;
    const struct axis *y = &resizer->y;
    for (int done = 0; done < count; done += KERNEL_ROWS) {
        take_rows(resizer, rows + stride * (size_t)done, stride,
                  count - done < KERNEL_ROWS ? count - done : KERNEL_ROWS);
        while (resizer->made < y->size && y->start[resizer->made] + y->taps[resizer->made] <= resizer->received)
            make_row(resizer);
    }
}

struct row_sink resizer_sink(struct resizer *resizer) {
    return (struct row_sink){resizer_rows, resizer};
}

void resizer_end(struct resizer *resizer) {
    axis_end(&resizer->x);
    axis_end(&resizer->y);
    free(resizer->ring);
    free(resizer->scratch);
    free(resizer->taps);
}

void resize_whole(uint8_t *out, const struct image *image, const struct resize_map *map) {
    struct resizer resizer;
    resizer_begin(&resizer, out, map, resize_fastest());
    size_t stride = 3 * (size_t)image->width;
    const struct rect *part = &resizer.part;
    struct row_sink sink = resizer_sink(&resizer);
    sink.rows(sink.context, image->pixels + (size_t)part->top * stride + 3 * (size_t)part->left, stride, part->height);
    resizer_end(&resizer);
}

void image_resize(uint8_t *out, int width, int height, const struct image *image, struct image_box box) {
    const struct resize_map map = {.clip = {0, 0, image->width, image->height},
                                   .box = box,
                                   .width = width,
                                   .height = height,
                                   .window = {0, 0, width, height}};
    resize_whole(out, image, &map);
}
