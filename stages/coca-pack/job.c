// A sample's life between the importer, which lends it for a call, and the writer, threads later: a job owns copies of
// everything, and a buffer is reused by the sample that comes after it in the ring (pipeline.c). A million samples so
// cost as many allocations as there are jobs.
#include "job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/container.h"

static const char *const words[DROPS] = {
    [DROP_NOTHING] = "",
    [DROP_UNREADABLE] = "unreadable",
    [DROP_NO_PICTURE] = "no picture",
    [DROP_NO_TEXT] = "no caption, label or class",
    [DROP_EMPTY] = "empty text",
    [DROP_NOT_UTF8] = "text is not UTF-8",
    [DROP_NUL] = "text holds NUL bytes",
    [DROP_PICTURE] = "picture does not decode",
    [DROP_VIDEO] = "video does not decode",
    [DROP_FFMPEG] = "video, and FFmpeg is missing: ./run.sh build all installs it",
    [DROP_LARGE] = "picture has too many pixels",
    [DROP_EXCLUDED] = "excluded by --exclude",
};

const char *drop_words(enum drop drop) {
    return words[drop];
}

void job_drop(struct job *job, enum drop drop, const char *detail) {
    if (job->drop) return;
    job->drop = drop;
    buffer_text(&job->detail, detail);
}

void job_drop_large(struct job *job, int width, int height) {
    char text[32];
    snprintf(text, sizeof text, "%d x %d", width, height);
    job_drop(job, DROP_LARGE, text);
}

static bool is_empty(struct span file) {
    return file.bytes && !file.size;
}

// The importer found a picture, of no bytes; where it found none there is no address either.
static bool came_empty(const struct import_sample *sample) {
    return !sample->pixels.bytes && (is_empty(sample->record.image) || is_empty(sample->record.video));
}

// Importers know files and members alone: whether one is a video its bytes say.
static struct record told_apart(const struct record *given) {
    struct record record = *given;
    if (record.video.size || !video_container_of(record.image.bytes, record.image.size)) return record;
    record.video = record.image;
    record.image = (struct span){0};
    return record;
}

// A picture that is a video lies where it lay.
static void keep_origin(struct job *job, const struct origin *origin, bool is_moved) {
    job->origin = *origin;
    memcpy(job->images_at, origin->images, sizeof job->images_at);
    job->origin.images = job->images_at;
    if (is_moved) job->origin.video = origin->image;
}

// The record is kept in its encoded form: one block without pointers, which fit() takes apart in its own thread.
void job_fill(struct job *job, int64_t number, const struct import_sample *sample) {
    const struct import_pixels *pixels = &sample->pixels;
    job->number = number;
    buffer_text(&job->name, sample->name);
    const struct record record = told_apart(&sample->record);
    record_encode(&record, &job->encoded);
    if (sample->origin) keep_origin(job, sample->origin, record.video.size && !sample->record.video.size);
    if (pixels->bytes) {
        job->width = pixels->width;
        job->height = pixels->height;
        job->channels = pixels->channels;
        buffer_append(&job->pixels, pixels->bytes, (size_t)job->width * (size_t)job->height * (size_t)job->channels);
    }
    if (sample->defect) job_drop(job, DROP_UNREADABLE, sample->defect);
    if (came_empty(sample)) job_drop(job, DROP_NO_PICTURE, "its file is empty");
}

void job_fill_encoded(struct job *job, int64_t number, struct span record) {
    job->number = number;
    buffer_append(&job->encoded, record.bytes, record.size);
}

void job_drop_text(struct job *job, struct text_drop drop) {
    job->text_drop = xrealloc_array(job->text_drop, (size_t)job->text_drops + 1, sizeof drop);
    job->text_drop[job->text_drops++] = drop;
}

void job_keep_picture(struct job *job, void *bytes) {
    job->picture = xrealloc_array(job->picture, (size_t)job->pictures + 1, sizeof *job->picture);
    job->picture[job->pictures++] = bytes;
}

// Buffers keep their memory for the next sample; everything else goes.
void job_clear(struct job *job) {
    buffer_clear(&job->name);
    buffer_clear(&job->encoded);
    buffer_clear(&job->pixels);
    buffer_clear(&job->detail);
    record_release(&job->record);
    for (int i = 0; i < job->pictures; i++) free(job->picture[i]);
    free(job->picture);
    free(job->text_drop);
    *job = (struct job){.name = job->name,
                        .encoded = job->encoded,
                        .pixels = job->pixels,
                        .detail = job->detail,
                        .record = RECORD_EMPTY,
                        .origin = ORIGIN_NONE};
}

void job_release(struct job *job) {
    job_clear(job);
    buffer_release(&job->name);
    buffer_release(&job->encoded);
    buffer_release(&job->pixels);
    buffer_release(&job->detail);
}
