// From a sample's encoded bytes to the pixels of one of its views. Random crop, flip and RandAugment are drawn by the
// sample's key, so that all frames get the same ones.
#include "show.h"

#include <stdio.h>
#include <string.h>

#include "base/fail.h"

// One view that is being made.
struct showing {
    const struct show *show;
    struct view_options view; // with the crop's place
    struct random_key view_key, augment_key;
    int clip;
    size_t bytes; // of a picture
    uint8_t *pixels;
    char *reason; // [IMAGE_REASON]
    int status;
};

static struct showing begin(const struct show *show, uint8_t *pixels, const struct sample *sample, char *reason) {
    static const enum view_place places[] = {PLACE_FIRST, PLACE_MIDDLE, PLACE_LAST};
    struct showing showing = {.show = show,
                              .view = show->view,
                              .view_key = sample_key(sample, SAMPLE_VIEW),
                              .augment_key = sample_key(sample, SAMPLE_AUGMENT),
                              .clip = sample->view / show->crops,
                              .bytes = 3 * (size_t)show->view.size * (size_t)show->view.size,
                              .pixels = pixels,
                              .reason = reason};
    if (show->crops > 1) showing.view.place = places[sample->view % show->crops];
    return showing;
}

static uint8_t *picture_at(const struct showing *showing, int i) {
    return showing->pixels + (size_t)i * showing->bytes;
}

static void augment(const struct showing *showing, uint8_t *pixels) {
    image_augment(pixels, showing->view.size, &showing->show->augment, showing->augment_key, showing->show->scratch);
}

static void take_frame(void *context, int i, const struct image *frame) {
    struct showing *showing = context;
    uint8_t *pixels = picture_at(showing, i);
    int status = image_view_pixels(pixels, &showing->view, showing->view_key, frame, showing->reason);
    if (status)
        showing->status = status;
    else
        augment(showing, pixels);
}

static struct video_wanted wanted_of(const struct showing *showing) {
    const struct show *show = showing->show;
    return (struct video_wanted){show->sampling, show->count, showing->clip, show->clips};
}

static int show_video(struct showing *showing, struct span bytes) {
    struct video *video;
    const struct video_wanted wanted = wanted_of(showing);
    int status = video_open(&video, bytes.bytes, bytes.size, showing->reason);
    if (!status) status = video_read(video, &wanted, take_frame, showing, showing->reason);
    video_close(&video);
    return status ? status : showing->status;
}

static int show_picture(const struct showing *showing, int i, struct span bytes) {
    uint8_t *pixels = picture_at(showing, i);
    int status = image_view(pixels, &showing->view, showing->view_key, bytes.bytes, bytes.size, showing->reason);
    if (!status) augment(showing, pixels);
    return status;
}

// A picture that comes again is not decoded again.
static int show_pictures(const struct showing *showing, const struct encoded *encoded) {
    const struct video_wanted wanted = wanted_of(showing);
    int64_t before = -1;
    int status = 0;
    for (int i = 0; i < wanted.count && !status; i++) {
        const int64_t at = video_frame(&wanted, i, encoded->count);
        if (at == before)
            memcpy(picture_at(showing, i), picture_at(showing, i - 1), showing->bytes);
        else
            status = show_picture(showing, i, encoded->item[at]);
        before = at;
    }
    return status;
}

static int show_apart(const struct showing *showing, const struct encoded *encoded) {
    int status = 0;
    for (int i = 0; i < encoded->count && !status; i++) status = show_picture(showing, i, encoded->item[i]);
    return status;
}

static int refuse_count(const struct showing *showing, int count) {
    snprintf(showing->reason, IMAGE_REASON, "the record has %d of the %d pictures that the model's task takes", count,
             showing->show->count);
    return -EXIT_DATA;
}

int show_sample(const struct show *show, uint8_t *pixels, const struct sample *sample, const struct encoded *encoded,
                char reason[IMAGE_REASON]) {
    struct showing showing = begin(show, pixels, sample, reason);
    if (show->apart)
        return encoded->count == show->count ? show_apart(&showing, encoded) : refuse_count(&showing, encoded->count);
    const struct span first = encoded->item[0];
    if (encoded->count == 1 && video_container_of(first.bytes, first.size)) return show_video(&showing, first);
    return show_pictures(&showing, encoded);
}
