// A video: header, index, and some frames by each way. FFmpeg itself is not instrumented: what is looked for is what
// its answers do to us.
#include <stdlib.h>
#include <string.h>

#include "image/video.h"
#include "image/video_backend.h"

enum { PIXELS_TRIED = 1 << 16, FRAMES_TRIED = 64 }; // more only costs time

extern const struct video_backend video_backend;
const struct video_backend *video_backend_load(char reason[IMAGE_REASON]) {
    *reason = 0;
    return &video_backend;
}

static void take(void *context, int i, const struct image *frame) {
    const struct video_header *header = context;
    if (i < 0 || i >= 3 || frame->width != header->width || frame->height != header->height) abort();
    free(memcpy(malloc(3 * (size_t)frame->width * (size_t)frame->height), frame->pixels,
                3 * (size_t)frame->width * (size_t)frame->height));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct video *video;
    char reason[IMAGE_REASON] = "";
    const enum video_container container = video_container_of(data, size);
    if (container && video_container_bytes(container, data, size) > size && !video_open(&video, data, size, reason))
        abort();
    if (video_open(&video, data, size, reason)) {
        if (!*reason) abort();
        return 0;
    }
    struct video_header header = *video_header(video);
    if (header.frames < 1 || header.width < 1 || header.height < 1) abort();
    if ((int64_t)header.width * header.height <= PIXELS_TRIED && header.frames <= FRAMES_TRIED)
        for (int clip = 0; clip < 3; clip++) {
            const struct video_wanted wanted = {(enum frame_sampling)clip, 3, clip, 3};
            video_read(video, &wanted, take, &header, reason);
        }
    video_close(&video);
    return 0;
}
