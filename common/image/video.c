// Exact frames of a video. Where its packets have times, the index says which frame stands at which time: the way to a
// wanted frame leads over the last key frame before it, if that spares decoding, and then frame by frame, each held
// against the index. Whatever does not agree, and what has no times, is decoded from the start and counted: then the
// frames are what the decoder shows, and it alone.
#include "image/video.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "image/orient.h"
#include "image/video_index.h"

struct video {
    const struct video_backend *backend;
    void *state;
    struct video_stream stream;
    struct video_header header;
    struct video_index index;
    bool counted;              // by decoding: header.frames is what the decoder shows
    char reason[IMAGE_REASON]; // the backend's too
};

enum { VIDEO_DISAGREES = 1 }; // the decoder shows other frames than the index has

int video_available(char reason[IMAGE_REASON]) {
    return video_backend_load(reason) ? 0 : -EXIT_DATA;
}

const struct video_header *video_header(const struct video *video) {
    return &video->header;
}

static void describe(struct video *video, enum video_container container) {
    const bool turned = orient_transposes(video->stream.orientation);
    video->header = (struct video_header){.container = container,
                                          .width = turned ? video->stream.height : video->stream.width,
                                          .height = turned ? video->stream.width : video->stream.height,
                                          .frames = video->index.count,
                                          .seconds = video->stream.seconds};
    snprintf(video->header.codec, sizeof video->header.codec, "%s", video->stream.codec);
}

static int refuse_cut(struct video *video, enum video_container container, size_t size, uint64_t whole) {
    snprintf(video->reason, sizeof video->reason, "cut %s: %zu of %llu bytes are there, with %lld frames",
             video_container_name(container), size, (unsigned long long)whole, (long long)video->index.count);
    return -EXIT_DATA;
}

static int explain(const struct video *video, int status, char reason[IMAGE_REASON]) {
    if (status) snprintf(reason, IMAGE_REASON, "%s", video->reason);
    return status;
}

static int refuse(struct video *video, const char *text) {
    snprintf(video->reason, sizeof video->reason, "%s", text);
    return -EXIT_DATA;
}

static int open_stream(struct video *video, enum video_container container, const void *bytes, size_t size) {
    const uint64_t whole = video_container_bytes(container, bytes, size);
    int status = -EXIT_DATA;
    video->state = video->backend->open(container, bytes, size, &video->stream, video->reason);
    if (video->state) status = video_index_read(&video->index, video->backend, video->state, video->reason);
    if (whole > size) return refuse_cut(video, container, size, whole);
    if (status) return status;
    describe(video, container);
    return video->index.count ? 0 : refuse(video, "video without frames");
}

int video_open(struct video **video, const void *bytes, size_t size, char reason[IMAGE_REASON]) {
    const enum video_container container = video_container_of(bytes, size);
    const struct video_backend *backend = video_backend_load(reason);
    *video = NULL;
    if (!backend) return -EXIT_DATA;
    struct video *new = xcalloc(1, sizeof *new);
    new->backend = backend;
    int status = container ? open_stream(new, container, bytes, size)
                           : refuse(new, "neither MP4, WebM, Matroska nor AVI by its first bytes");
    explain(new, status, reason);
    if (status) video_close(&new);
    *video = new;
    return status;
}

void video_close(struct video **video) {
    struct video *old = *video;
    if (!old) return;
    if (old->state) old->backend->close(old->state);
    video_index_release(&old->index);
    free(old);
    *video = NULL;
}

// The decoder's frames in their order, from the first: their number where none is wanted any more.
struct pass {
    const int64_t *wanted; // ascending, [count]
    int count, done;
    video_take *take;
    void *context;
};

// The frame that was decoded last, to all who want it.
static int hand_on(struct video *video, struct pass *pass, int64_t at) {
    const struct video_stream *stream = &video->stream;
    struct image stored = {stream->width, stream->height, NULL},
                 upright = {video->header.width, video->header.height, NULL};
    const size_t bytes = 3 * (size_t)stored.width * (size_t)stored.height;
    stored.pixels = xmalloc(bytes);
    int status = video->backend->pixels(video->state, stored.pixels);
    if (!status && stream->orientation != 1) {
        upright.pixels = xmalloc(bytes);
        orient_image(upright.pixels, &stored, stream->orientation);
    }
    for (; !status && pass->done < pass->count && pass->wanted[pass->done] == at; pass->done++)
        pass->take(pass->context, pass->done, upright.pixels ? &upright : &stored);
    image_release(&stored);
    image_release(&upright);
    return status;
}

static bool wants(const struct pass *pass, int64_t at) {
    return pass->done < pass->count && pass->wanted[pass->done] == at;
}

// Decodes from the start until all that is wanted was handed on; *frames counts, `all`: to the end.
static int read_through(struct video *video, struct pass *pass, bool all, int64_t *frames) {
    int64_t pts;
    int status = video->backend->rewind(video->state);
    *frames = 0;
    while (!status && (all || pass->done < pass->count)) {
        status = video->backend->frame(video->state, &pts);
        if (status == VIDEO_STEP && wants(pass, *frames)) status = hand_on(video, pass, *frames);
        if (status == VIDEO_STEP) ++*frames;
    }
    return status == VIDEO_END ? 0 : status;
}

static int count_frames(struct video *video) {
    struct pass none = {0};
    int64_t frames;
    int status = read_through(video, &none, true, &frames);
    if (status) return status;
    video->header.frames = frames;
    video->counted = true;
    return frames ? 0 : refuse(video, "video without frames");
}

// One more frame of the way, with *next the place where the index expects it, −1 behind a seek.
static int step_timed(struct video *video, int64_t *next) {
    int64_t pts;
    if (video->backend->frame(video->state, &pts) != VIDEO_STEP) return VIDEO_DISAGREES;
    const int64_t at = video_index_find(&video->index, pts);
    if (at < 0 || (*next >= 0 && at != *next)) return VIDEO_DISAGREES;
    *next = at + 1;
    return 0;
}

// Decodes frame `target`; frame *next would come otherwise.
static int go_to(struct video *video, int64_t target, int64_t *next) {
    const int64_t key = video_index_key(&video->index, target);
    int status = 0;
    if (key > *next) {
        if (video->backend->seek(video->state, &video->index.packet[key])) return VIDEO_DISAGREES;
        *next = -1;
        status = step_timed(video, next);
    }
    while (!status && *next <= target) status = step_timed(video, next);
    return status || *next == target + 1 ? status : VIDEO_DISAGREES;
}

static int read_timed(struct video *video, struct pass pass) {
    int64_t next = 0;
    int status = video->index.timed ? video->backend->rewind(video->state) : VIDEO_DISAGREES;
    while (!status && pass.done < pass.count) {
        const int64_t target = pass.wanted[pass.done];
        status = go_to(video, target, &next);
        if (!status) status = hand_on(video, &pass, target);
    }
    return status;
}

static int read_counted(struct video *video, struct pass pass) {
    int64_t frames;
    int status = read_through(video, &pass, false, &frames);
    if (status || pass.done == pass.count) return status;
    snprintf(video->reason, sizeof video->reason, "frame %lld of %lld cannot be had: the stream ends before it",
             (long long)frames, (long long)video->header.frames);
    return -EXIT_DATA;
}

static void choose(int64_t *frame, const struct video_wanted *wanted, int64_t N) {
    for (int i = 0; i < wanted->count; i++) frame[i] = video_frame(wanted, i, N);
}

// As the decoder counts.
static int read_again(struct video *video, struct pass pass, int64_t *frame, const struct video_wanted *wanted) {
    int status = video->counted ? 0 : count_frames(video);
    if (status) return status;
    choose(frame, wanted, video->header.frames);
    return read_counted(video, pass);
}

int video_read(struct video *video, const struct video_wanted *wanted, video_take *take, void *context,
               char reason[IMAGE_REASON]) {
    int64_t *frame = xcalloc((size_t)wanted->count, sizeof *frame);
    const struct pass pass = {frame, wanted->count, 0, take, context};
    int status = VIDEO_DISAGREES;
    if (!video->counted) {
        choose(frame, wanted, video->header.frames);
        status = read_timed(video, pass);
    }
    if (status == VIDEO_DISAGREES) status = read_again(video, pass, frame, wanted);
    free(frame);
    return explain(video, status, reason);
}

int video_verify(struct video *video, char reason[IMAGE_REASON]) {
    return explain(video, count_frames(video), reason);
}

int64_t frame_at(enum frame_sampling sampling, int64_t i, int64_t n, int64_t N) {
    if (n == 1 || sampling == SAMPLING_CENTRES) return (2 * i + 1) * N / (2 * n);
    if (sampling == SAMPLING_STARTS) return i * N / n;
    return i == n - 1 ? N - 1 : (int64_t)((double)i * ((double)(N - 1) / (double)(n - 1)));
}

int64_t video_frame(const struct video_wanted *wanted, int i, int64_t N) {
    const int64_t first = wanted->clip * N / wanted->clips, end = (wanted->clip + 1) * N / wanted->clips;
    return first + frame_at(wanted->sampling, i, wanted->count, end > first ? end - first : 1);
}
