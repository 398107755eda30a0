// Which frames a stream has and where they begin, from its packets alone.
#pragma once

#include "image/video_backend.h"

enum { VIDEO_FRAMES_LIMIT = 1 << 22 }; // of a stream: 38 hours at 30 a second

struct video_index {
    struct video_packet *packet; // [count], of those that are shown; where timed, by presentation time
    int64_t count, capacity;
    bool timed; // each has a time of its own: place i is frame i
};

// Reads the stream to its end. 0, or -EXIT_DATA with the backend's reason and the packets so far.
int video_index_read(struct video_index *index, const struct video_backend *backend, void *state,
                     char reason[IMAGE_REASON]);
void video_index_release(struct video_index *index);

// Of a timed index. The frame of that time, −1: there is none; and the last key frame at or before frame `at`, −1 too.
int64_t video_index_find(const struct video_index *index, int64_t pts);
int64_t video_index_key(const struct video_index *index, int64_t at);
