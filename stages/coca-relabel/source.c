// What the kinds of shards have in common: what a name says, and the sample that is read into.
#include "source_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/text.h"
#include "dataset/import/formats.h"

void sample_clear(struct sample *sample) {
    buffer_clear(&sample->key);
    buffer_clear(&sample->defect);
    buffer_clear(&sample->path);
    buffer_clear(&sample->json);
    buffer_clear(&sample->text);
    sample->has_json = false;
    sample->is_one = true;
    sample->members = 0;
    sample->json_member = -1;
}

void sample_defect(struct sample *sample, const char *format, ...) {
    char text[512];
    va_list arguments;
    if (sample->defect.size) return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    buffer_text(&sample->defect, text);
}

int source_picture_rank(const char *suffix) {
    const size_t size = strlen(suffix);
    int rank = 0;
    for (const char *at = PICTURE_SUFFIXES; *at; at += strspn(at, ";"), rank++) {
        const size_t length = strcspn(at, ";");
        if (length == size && !strncasecmp(at, suffix, size)) return rank;
        at += length;
    }
    return -1;
}

bool source_split(const char *name, size_t *key_length, const char **suffix) {
    const char *base = path_base(name);
    const size_t first = strcspn(name, "/");
    const bool is_own = first >= 4 && !memcmp(name, "__", 2) && !memcmp(name + first - 2, "__", 2);
    *key_length = (size_t)(base - name) + strcspn(base, ".");
    *suffix = name + *key_length + (name[*key_length] == '.');
    return *base && *base != '.' && !is_own;
}

int source_open(struct source **source, const struct shard *shard, const struct plain *plain, enum source_pass pass) {
    static const struct source_kind *const kinds[] = {
        [SHARD_TAR] = &source_of_tar, [SHARD_LINES] = &source_of_lines, [SHARD_FOLDER] = &source_of_folder};
    struct source *new = *source = xcalloc(1, sizeof *new);
    *new = (struct source){.kind = kinds[shard->kind], .shard = shard, .plain = plain, .pass = pass};
    sample_clear(&new->sample);
    int status = new->kind->open(new);
    if (status) source_close(source);
    return status;
}

void source_close(struct source **source) {
    struct source *old = *source;
    if (!old) return;
    old->kind->close(old);
    struct sample *sample = &old->sample;
    for (int i = 0; i < sample->member_capacity; i++) buffer_release(&sample->member[i].name);
    free(sample->member);
    buffer_release(&sample->key);
    buffer_release(&sample->defect);
    buffer_release(&sample->path);
    buffer_release(&sample->json);
    buffer_release(&sample->text);
    free(old);
    *source = NULL;
}

int source_next(struct source *source, const struct sample **sample) {
    *sample = &source->sample;
    sample_clear(&source->sample);
    int status = source->kind->next(source, &source->sample);
    if (status == 1 && source->sample.key.size > SOURCE_KEY_LIMIT)
        sample_defect(&source->sample, "its key has more than %d bytes", SOURCE_KEY_LIMIT);
    return status;
}
