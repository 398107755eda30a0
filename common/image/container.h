// Containers of videos, told by their first bytes: names of files lie.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum video_container { VIDEO_NONE, VIDEO_MP4, VIDEO_MATROSKA, VIDEO_AVI };

enum video_container video_container_of(const void *bytes, size_t size); // MP4: QuickTime and its other relatives too
const char *video_container_name(enum video_container container);        // "mp4", "webm", "avi": suffixes too

// How many bytes a file must have by its own outermost lengths. No more than `size` where all is there, or where they
// say nothing (files that were written live).
uint64_t video_container_bytes(enum video_container container, const void *bytes, size_t size);
