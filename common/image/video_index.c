// The packets of a stream stand in the order of decoding, with the times at which they are shown: sorted by these they
// are the frames. video.c holds what the decoder then shows against it.
#include "image/video_index.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

static int by_time(const void *a, const void *b) {
    const struct video_packet *x = a, *y = b;
    return (x->pts > y->pts) - (x->pts < y->pts);
}

static void add(struct video_index *index, struct video_packet packet) {
    if (index->count == index->capacity) {
        index->capacity = index->capacity ? 2 * index->capacity : 64;
        index->packet = xrealloc_array(index->packet, (size_t)index->capacity, sizeof packet);
    }
    index->packet[index->count++] = packet;
}

static bool is_timed(const struct video_index *index) {
    for (int64_t i = 0; i < index->count; i++)
        if (!index->packet[i].timed || (i && index->packet[i].pts == index->packet[i - 1].pts)) return false;
    return true;
}

int video_index_read(struct video_index *index, const struct video_backend *backend, void *state,
                     char reason[IMAGE_REASON]) {
    struct video_packet packet;
    int step;
    while ((step = backend->packet(state, &packet)) == VIDEO_STEP) {
        if (packet.shown) add(index, packet);
        if (index->count <= VIDEO_FRAMES_LIMIT) continue;
        snprintf(reason, IMAGE_REASON, "video of more than %d frames", VIDEO_FRAMES_LIMIT);
        return -EXIT_DATA;
    }
    if (index->count) qsort(index->packet, (size_t)index->count, sizeof packet, by_time);
    index->timed = is_timed(index);
    return step == VIDEO_END ? 0 : step;
}

void video_index_release(struct video_index *index) {
    free(index->packet);
    *index = (struct video_index){0};
}

int64_t video_index_find(const struct video_index *index, int64_t pts) {
    const struct video_packet key = {.pts = pts};
    const struct video_packet *found =
        index->count ? bsearch(&key, index->packet, (size_t)index->count, sizeof key, by_time) : NULL;
    return found ? found - index->packet : -1;
}

int64_t video_index_key(const struct video_index *index, int64_t at) {
    while (at >= 0 && !index->packet[at].key) at--;
    return at;
}
