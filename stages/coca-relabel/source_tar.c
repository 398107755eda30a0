// Samples of a tar, as webdataset and img2dataset write them: adjacent members whose names are the same up to the first
// dot. Members that belong to no sample go with the one before them, the first ones with the first sample.
#include "source_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct tar_source {
    struct tar *tar;
    struct tar_member held; // begins the next sample
    struct buffer held_name;
    bool is_held;
    bool is_begun; // the sample has a member of its own
    int rank;      // of its picture's suffix; −1: none yet
};

static int open_tar(struct source *source) {
    struct tar_source *own = source->own = xcalloc(1, sizeof *own);
    return tar_open(&own->tar, source->plain->path, source->shard->from);
}

static void close_tar(struct source *source) {
    struct tar_source *own = source->own;
    tar_close(&own->tar);
    buffer_release(&own->held_name);
    free(own);
}

struct tar *source_tar(struct source *source) {
    return source->kind == &source_of_tar ? ((struct tar_source *)source->own)->tar : NULL;
}

static void keep_member(struct sample *sample, const struct tar_member *member) {
    if (sample->members == sample->member_capacity) {
        const int capacity = sample->member_capacity ? 2 * sample->member_capacity : 16;
        sample->member = xrealloc_array(sample->member, (size_t)capacity, sizeof *sample->member);
        memset(sample->member + sample->member_capacity, 0,
               (size_t)(capacity - sample->member_capacity) * sizeof *sample->member);
        sample->member_capacity = capacity;
    }
    struct sample_member *kept = &sample->member[sample->members++];
    kept->tar = *member;
    buffer_clear(&kept->name);
    buffer_text(&kept->name, member->name);
    kept->tar.name = NULL;
}

// webdataset refuses two members of one name: whose text belongs to which picture is not known.
static void refuse_twice(struct sample *sample, const char *name) {
    for (int i = 0; i < sample->members - 1; i++)
        if (!strcasecmp(sample->member[i].name.bytes, name))
            sample_defect(sample, "it has two members %.200s: samples need names of their own", name);
}

static void take_picture(struct source *source, struct sample *sample, const struct tar_member *member, int rank) {
    struct tar_source *own = source->own;
    if (own->rank >= 0 && own->rank <= rank) return;
    own->rank = rank;
    buffer_clear(&sample->path);
    buffer_text(&sample->path, source->plain->path);
    sample->offset = member->data;
    sample->length = member->size;
}

static int take_text(struct source *source, struct sample *sample, const struct tar_member *member, bool is_json) {
    struct tar_source *own = source->own;
    if (is_json) sample->json_member = sample->members - 1;
    if (source->pass == SOURCE_LISTS) return 0;
    if (member->size > SOURCE_TEXT_LIMIT) {
        sample_defect(sample, "its %s has more than %d bytes", is_json ? "JSON" : "text", SOURCE_TEXT_LIMIT);
        return 0;
    }
    if (is_json) sample->has_json = true;
    return tar_read(own->tar, member->data, member->size, is_json ? &sample->json : &sample->text);
}

static int take_member(struct source *source, struct sample *sample, const struct tar_member *member,
                       const char *suffix) {
    const int rank = source_picture_rank(suffix);
    const bool is_json = !strcasecmp(suffix, "json");
    refuse_twice(sample, member->name);
    if (rank >= 0) take_picture(source, sample, member, rank);
    return is_json || !strcasecmp(suffix, "txt") ? take_text(source, sample, member, is_json) : 0;
}

// 1: it begins another sample.
static int add_member(struct source *source, struct sample *sample, const struct tar_member *member) {
    struct tar_source *own = source->own;
    size_t length;
    const char *suffix;
    const bool belongs = member->is_file && source_split(member->name, &length, &suffix);
    if (belongs && own->is_begun && (length != sample->key.size || memcmp(sample->key.bytes, member->name, length)))
        return 1;
    keep_member(sample, member);
    if (!belongs) return 0;
    if (!own->is_begun) buffer_append(&sample->key, member->name, length);
    own->is_begun = true;
    return take_member(source, sample, member, suffix);
}

static void hold(struct tar_source *own, const struct tar_member *member) {
    own->held = *member;
    buffer_clear(&own->held_name);
    buffer_text(&own->held_name, member->name);
    own->is_held = true;
}

static int next_of_tar(struct source *source, struct sample *sample) {
    struct tar_source *own = source->own;
    struct tar_member member;
    int status = 0;
    own->is_begun = false;
    own->rank = -1;
    if (own->is_held) {
        own->held.name = own->held_name.bytes;
        status = add_member(source, sample, &own->held);
    }
    own->is_held = false;
    while (!status && (status = tar_next(own->tar, &member)) == 1)
        if ((status = add_member(source, sample, &member)) == 1) hold(own, &member);
    if (status < 0) return status;
    sample->is_one = own->is_begun;
    if (own->is_begun && own->rank < 0) sample_defect(sample, "it has no picture");
    return own->is_begun || sample->members;
}

const struct source_kind source_of_tar = {open_tar, next_of_tar, close_tar};
