// Decoding is all the work of `coca-pack dedup`; threads do it (pipeline.c), a record each, and what is kept of one is
// a print in its place.
#include "prints.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/text.h"
#include "image/image.h"
#include "image/perceptual.h"
#include "pipeline.h"
#include "stage/progress.h"

int datasets_open(struct datasets *datasets, const char *directories) {
    struct strings names = {0};
    int status = 0;
    text_split(&names, directories, "::");
    datasets->store = xcalloc(names.count, sizeof *datasets->store);
    datasets->first = xcalloc(names.count + 1, sizeof *datasets->first);
    for (size_t i = 0; i < names.count && !status; i++) {
        status = store_open(&datasets->store[i], names.item[i]);
        if (status) break;
        datasets->first[i + 1] = datasets->first[i] + store_count(datasets->store[i]);
        datasets->count++;
    }
    strings_release(&names);
    return status;
}

void datasets_close(struct datasets *datasets) {
    for (int i = 0; i < datasets->count; i++) store_close(&datasets->store[i]);
    free(datasets->store);
    free(datasets->first);
    *datasets = (struct datasets){0};
}

int64_t datasets_records(const struct datasets *datasets) {
    return datasets->count ? datasets->first[datasets->count] : 0;
}

struct store *datasets_at(const struct datasets *datasets, int64_t number, int64_t *index) {
    int i = 0;
    while (number >= datasets->first[i + 1]) i++;
    *index = number - datasets->first[i];
    return datasets->store[i];
}

struct printing {
    const struct datasets *datasets;
    struct print *print;
    struct progress *progress;
    int64_t unreadable, none;
};

static void fill(struct print *print, const struct image *image) {
    const size_t bytes = 3 * (size_t)image->width * (size_t)image->height;
    print->width = image->width;
    print->height = image->height;
    print->pixels = hash_bytes(image->pixels, bytes, 0);
    print->has_look = image_perceptual_hash(&print->look, image);
}

struct span record_picture(const struct record *record) {
    return record->image.size || !record->image_count ? record->image : record->images[0];
}

static void look(struct job *job, const void *context) {
    const struct printing *printing = context;
    struct image image;
    char record_reason[RECORD_REASON], reason[IMAGE_REASON];
    if (record_decode(&job->record, job->encoded.bytes, job->encoded.size, record_reason))
        return job_drop(job, DROP_UNREADABLE, record_reason);
    const struct span picture = record_picture(&job->record);
    if (!picture.size) return job_drop(job, DROP_NO_PICTURE, "");
    if (image_decode(&image, picture.bytes, picture.size, reason)) return job_drop(job, DROP_PICTURE, reason);
    fill(&printing->print[job->number], &image);
    image_release(&image);
}

static int count(struct job *job, void *context) {
    struct printing *printing = context;
    int64_t index;
    progress_set(printing->progress, job->number + 1, NULL);
    if (!job->drop) return 0;
    if (job->drop == DROP_NO_PICTURE) {
        printing->none++;
        return 0;
    }
    const struct store *store = datasets_at(printing->datasets, job->number, &index);
    const struct span id = job->record.id;
    struct buffer name = {0};
    text_clean(&name, id.bytes, id.size);
    warn("%s: record %lld%s%s: %s: %s", store_path(store), (long long)index, name.size ? ", " : "",
         name.size ? name.bytes : "", drop_words(job->drop), job->detail.size ? job->detail.bytes : "");
    buffer_release(&name);
    printing->unreadable++;
    return 0;
}

static int submit(struct printing *printing, struct pipeline *pipeline, int64_t number) {
    struct span value;
    struct buffer memory = {0};
    int64_t index;
    struct store *store = datasets_at(printing->datasets, number, &index);
    int status = store_get(store, index, &memory, &value);
    struct job *job = status ? NULL : pipeline_next(pipeline);
    if (job) {
        job_fill_encoded(job, number, value);
        pipeline_put(pipeline);
    }
    buffer_release(&memory);
    return status;
}

static void report(const struct printing *printing) {
    const char *path = store_path(printing->datasets->store[0]), *more = printing->datasets->count > 1 ? ", ..." : "";
    if (printing->unreadable)
        warn("%s%s: %lld pictures do not decode and are not compared", path, more, (long long)printing->unreadable);
    if (printing->none)
        note("%s%s: %lld records have no picture and are not compared", path, more, (long long)printing->none);
}

int prints_make(struct print **print, const struct datasets *datasets, int threads) {
    const int64_t records = datasets_records(datasets);
    struct printing printing = {.datasets = datasets, .progress = progress_new("looking", records, "pictures")};
    printing.print = xcalloc((size_t)records + 1, sizeof *printing.print);
    struct pipeline *pipeline = pipeline_new(threads, (struct pipeline_calls){look, &printing, count, &printing});
    int status = 0;
    for (int64_t i = 0; i < records && !status; i++) status = submit(&printing, pipeline, i);
    const int drained = pipeline_drain(pipeline);
    pipeline_free(&pipeline);
    progress_done(&printing.progress);
    if (!status) status = drained;
    if (!status) report(&printing);
    if (status) free(printing.print);
    *print = status ? NULL : printing.print;
    return status;
}
