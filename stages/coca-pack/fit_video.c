// A video is decoded to its end: what a training run would stumble over stands anywhere in it. It goes into the dataset
// as it came, whatever is done to pictures.
#include "fit_video.h"

#include "image/video.h"

static void fit_opened_video(struct job *job, struct video *video, const struct fitness *fitness) {
    const struct video_header *header = video_header(video);
    char reason[IMAGE_REASON];
    if (fitness->max_pixels && (int64_t)header->width * header->height > fitness->max_pixels)
        job_drop_large(job, header->width, header->height);
    else if (fitness->verify && video_verify(video, reason))
        job_drop(job, DROP_VIDEO, reason);
}

void fit_video(struct job *job, const struct fitness *fitness) {
    const struct span bytes = job->record.video;
    struct video *video;
    char reason[IMAGE_REASON];
    if (!fitness->verify && !fitness->max_pixels) return;
    if (video_available(reason)) return job_drop(job, DROP_FFMPEG, reason);
    if (video_open(&video, bytes.bytes, bytes.size, reason)) return job_drop(job, DROP_VIDEO, reason);
    fit_opened_video(job, video, fitness);
    video_close(&video);
}
