// One sample on its way into a dataset.
#pragma once

#include "dataset/import.h"

// Why a sample, or one text of it, is left out.
enum drop {
    DROP_NOTHING,
    DROP_UNREADABLE, // the importer could not read all of it
    DROP_NO_PICTURE,
    DROP_NO_TEXT,
    DROP_EMPTY,
    DROP_NOT_UTF8,
    DROP_NUL,
    DROP_PICTURE, // does not decode
    DROP_VIDEO,   // does not either
    DROP_FFMPEG,  // a video, which nothing here decodes
    DROP_LARGE,   // more pixels than wanted
    DROP_EXCLUDED,
    DROPS,
};
const char *drop_words(enum drop drop); // "no picture"

// Owns copies of all it was filled with. Zero-initialise; job_clear keeps the memory, job_release does not.
struct job {
    int64_t number; // of the sample in the input, from 0
    struct buffer name, encoded, pixels;
    int width, height, channels; // of `pixels`

    enum drop drop; // of the whole sample
    struct buffer detail;
    struct record record; // borrows from `encoded` and `picture`
    struct origin origin; // where its files lie; without an object: not asked
    int64_t images_at[RECORD_IMAGES_LIMIT];
    struct text_drop {     // texts left out of a sample that stays
        const char *field; // "captions"
        int index;         // in the input
        enum drop drop;
    } * text_drop;
    int text_drops;
    void **picture; // encoded anew
    int pictures;
};

void job_fill(struct job *job, int64_t number, const struct import_sample *sample); // a cleared one
void job_fill_encoded(struct job *job, int64_t number, struct span record);         // as a dataset holds it
void job_drop(struct job *job, enum drop drop, const char *detail);                 // the first one counts
void job_drop_large(struct job *job, int width, int height);
void job_drop_text(struct job *job, struct text_drop drop);
void job_keep_picture(struct job *job, void *bytes); // takes malloc'ed memory over
void job_clear(struct job *job);
void job_release(struct job *job);
