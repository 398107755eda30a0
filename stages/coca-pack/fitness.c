// Decides whether a sample may be in a dataset, once, when it is packed: what a training run would stumble over for
// months is found here, with its name. `pack` and `verify` run it in the pipeline's threads, one job at a time, so it
// touches nothing but its job. Reasons are job.h's; counting and listing them is output.c's.
#include "fitness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataset/fit_text.h"
#include "fit_video.h"
#include "image/image.h"

static enum drop judge_text(struct span *text) {
    static const enum drop drops[] = {
        [TEXT_FIT] = DROP_NOTHING, [TEXT_EMPTY] = DROP_EMPTY, [TEXT_NUL] = DROP_NUL, [TEXT_NOT_UTF8] = DROP_NOT_UTF8};
    return drops[text_fit(text)];
}

// Keeps the texts that are fit, in their order.
static void fit_texts(struct job *job, const char *field, struct span *texts, int *count) {
    int kept = 0;
    for (int i = 0; i < *count; i++) {
        struct span text = texts[i];
        const enum drop drop = judge_text(&text);
        if (drop)
            job_drop_text(job, (struct text_drop){field, i, drop});
        else
            texts[kept++] = text;
    }
    *count = kept;
}

static bool has_text(const struct record *record) {
    return record->caption_count || record->label_count || record->answer_count || record->question.size ||
           record->class >= 0;
}

// A question without its words is none, and its kinds are what it is counted by: either leaves the sample out.
static void fit_question(struct job *job) {
    struct span *const texts[] = {&job->record.question, &job->record.question_type, &job->record.answer_type};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!texts[i]->size) continue;
        const enum drop drop = judge_text(texts[i]);
        if (drop) job_drop(job, drop, "its question or the kind of it");
    }
}

// What an answer list counts; the question stays without it.
static void fit_answer(struct job *job) {
    struct span *answer = &job->record.answer;
    if (!answer->size) return;
    const enum drop drop = judge_text(answer);
    if (!drop) return;
    job_drop_text(job, (struct text_drop){"answer", 0, drop});
    *answer = (struct span){0};
}

// A sample whose texts were all left out is left out for the first one's reason. A class is a text too: with it the
// sample stays, whatever its captions are.
static void fit_all_texts(struct job *job) {
    struct record *record = &job->record;
    if (!has_text(record)) return job_drop(job, DROP_NO_TEXT, "");
    fit_texts(job, "captions", record->captions, &record->caption_count);
    fit_texts(job, "labels", record->labels, &record->label_count);
    fit_texts(job, "answers", record->answers, &record->answer_count);
    fit_question(job);
    fit_answer(job);
    if (!job->drop && !has_text(record)) job_drop(job, job->text_drop[0].drop, "");
}

// The job owns the new bytes: the record only borrows.
static void replace_picture(struct job *job, struct span *picture, const uint8_t *pixels, int width, int height,
                            int channels, int quality) {
    void *bytes;
    size_t size;
    const int status = quality ? image_encode_jpeg(&bytes, &size, pixels, width, height, quality)
                               : image_encode_png(&bytes, &size, pixels, width, height, channels);
    if (status) return job_drop(job, DROP_PICTURE, "cannot be encoded");
    job_keep_picture(job, bytes);
    *picture = (struct span){bytes, size};
}

// The short side becomes `resize`, as training crops are cut from it; what is smaller stays as it came. The picture was
// decoded upright, so the new file needs no EXIF.
static bool is_shrunk(const struct image *image, const struct fitness *fitness) {
    const int short_side = image->width < image->height ? image->width : image->height;
    return fitness->resize && short_side > fitness->resize;
}

static void shrink(struct job *job, struct span *picture, const struct image *image, const struct fitness *fitness) {
    const int short_side = image->width < image->height ? image->width : image->height;
    const double scale = (double)fitness->resize / short_side;
    const int width = (int)lround(image->width * scale), height = (int)lround(image->height * scale);
    uint8_t *pixels = xcalloc((size_t)width * (size_t)height, 3);
    image_resize(pixels, width, height, image, (struct image_box){0, 0, image->width, image->height});
    replace_picture(job, picture, pixels, width, height, 3, fitness->quality);
    free(pixels);
}

// In place, as rows only move up. False when nothing would be left.
static bool crop(struct image *image, int border) {
    const int width = image->width - 2 * border, height = image->height - 2 * border;
    if (width < 1 || height < 1) return false;
    for (int y = 0; y < height; y++)
        memmove(image->pixels + 3 * (size_t)y * (size_t)width,
                image->pixels + 3 * ((size_t)(y + border) * (size_t)image->width + (size_t)border), 3 * (size_t)width);
    image->width = width;
    image->height = height;
    return true;
}

// What is neither cut nor shrunk stays as it came.
static void change(struct job *job, struct span *picture, struct image *image, const struct fitness *fitness) {
    if (!crop(image, fitness->crop_border)) return job_drop(job, DROP_PICTURE, "is no larger than its border");
    if (is_shrunk(image, fitness))
        shrink(job, picture, image, fitness);
    else if (fitness->crop_border)
        replace_picture(job, picture, image->pixels, image->width, image->height, 3, 0);
}

// By the header alone, before memory for its pixels is asked for. A header that cannot be read is left to the decoder,
// which says why.
static bool is_too_large(struct job *job, struct span picture, int64_t max_pixels) {
    struct image_header header;
    char text[IMAGE_REASON];
    if (!max_pixels || image_read_header(&header, picture.bytes, picture.size, text)) return false;
    if ((int64_t)header.width * header.height <= max_pixels) return false;
    job_drop_large(job, header.width, header.height);
    return true;
}

// Decoding is the proof that a picture decodes, and what shrinking needs: with neither asked for there is nothing to
// do.
static void fit_picture(struct job *job, struct span *picture, const struct fitness *fitness) {
    if (is_too_large(job, *picture, fitness->max_pixels)) return;
    if (!fitness->verify && !fitness->resize && !fitness->crop_border) return;
    struct image image = {0};
    char reason[IMAGE_REASON] = "";
    if (image_decode(&image, picture->bytes, picture->size, reason))
        job_drop(job, DROP_PICTURE, reason);
    else
        change(job, picture, &image, fitness);
    image_release(&image);
}

// Pixels become a PNG, which there is no need to try to decode.
static void encode_pixels(struct job *job, const struct fitness *fitness) {
    const uint8_t *pixels = (const uint8_t *)job->pixels.bytes;
    struct span *picture = &job->record.image;
    replace_picture(job, picture, pixels, job->width, job->height, job->channels, 0);
    if (!job->drop && (fitness->resize || fitness->crop_border)) fit_picture(job, picture, fitness);
}

static void fit_pictures(struct job *job, const struct fitness *fitness) {
    struct record *record = &job->record;
    if (job->pixels.size) return encode_pixels(job, fitness);
    if (!record->image.size && !record->image_count && !record->video.size) return job_drop(job, DROP_NO_PICTURE, "");
    if (record->image.size) fit_picture(job, &record->image, fitness);
    for (int i = 0; i < record->image_count && !job->drop; i++) fit_picture(job, &record->images[i], fitness);
    if (record->video.size && !job->drop) fit_video(job, fitness);
}

// Of a sample that was not read the names of its members tell, as much as can be told.
static void fit_unread(struct job *job) {
    const unsigned fields = job->origin.fields;
    if (!(fields & (record_field_bit("image") | record_field_bit("images") | record_field_bit("video"))))
        job_drop(job, DROP_NO_PICTURE, "");
    else if (!(fields & (record_field_bit("captions") | record_field_bit("labels") | record_field_bit("class"))))
        job_drop(job, DROP_NO_TEXT, "");
}

// The record is decoded from its own encoding, as a reader will decode it: what cannot be read back is not fit.
void fit(struct job *job, const void *context) {
    char reason[RECORD_REASON];
    if (record_decode(&job->record, job->encoded.bytes, job->encoded.size, reason))
        job_drop(job, DROP_UNREADABLE, reason);
    if (job->drop) return;
    if (job->origin.sample_length) return fit_unread(job);
    fit_all_texts(job);
    if (!job->drop) fit_pictures(job, context);
}
