// The way from every format's reader to the sink, and the guess whether the user named the right keys: if none of the
// first PROBE_SAMPLES has a picture and a text, the import ends with a list of what was looked for and what is there,
// instead of packing for hours what nobody can use.
#include "dataset/import/importer.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"

#define PROBE_SAMPLES 100 // the first ones, of which one at least must match
#define PROBE_KEYS 40     // listed at most

int importer_key(const struct strings *keys, const char *key, size_t length) {
    for (size_t i = 0; i < keys->count; i++)
        if (strlen(keys->item[i]) == length && !memcmp(keys->item[i], key, length)) return (int)i;
    return -1;
}

// Only until something matches: the names are for the report that then never comes.
void importer_saw(struct importer *importer, const char *key, size_t length) {
    struct strings *keys = &importer->seen.keys;
    if (importer->seen.matched || keys->count == PROBE_KEYS) return;
    if (importer_key(keys, key, length) < 0) strings_add(keys, key, length);
}

static bool has_text(const struct record *record) {
    return record->caption_count || record->label_count || record->answer_count || record->question.size ||
           record->class >= 0;
}

// Of a sample that was not read the names of its members tell.
static bool has_fields(unsigned fields) {
    return fields & (record_field_bit("image") | record_field_bit("video")) &&
           fields & (record_field_bit("captions") | record_field_bit("labels") | record_field_bit("class"));
}

static bool matches(const struct import_sample *sample) {
    if (sample->origin && sample->origin->sample_length) return has_fields(sample->origin->fields);
    const bool has_picture =
        sample->record.image.size || sample->record.image_count || sample->record.video.size || sample->pixels.bytes;
    return has_picture && has_text(&sample->record) && !sample->defect;
}

static void note_sample(struct importer *importer, const struct import_sample *sample) {
    importer->seen.samples++;
    importer->seen.matched += matches(sample);
    if (sample->defect && !importer->seen.defect)
        importer->seen.defect = xformat("%s: %s", sample->name, sample->defect);
}

static bool same_names(const struct strings *a, const struct strings *b) {
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) same = !strcmp(a->item[i], b->item[i]);
    return same;
}

// A class number means one thing in a dataset.
int importer_classes(struct importer *importer, const struct strings *names) {
    if (importer->options->class_names) return 0;
    if (importer->classes.count && !same_names(&importer->classes, names))
        return error(EXIT_DATA, "%s: has other classes than what was read before it; --class-names FILE says all",
                     importer->path);
    for (size_t i = importer->classes.count; i < names->count; i++)
        strings_add_text(&importer->classes, names->item[i]);
    return 0;
}

const struct strings *importer_class_names(const struct importer *importer) {
    if (importer->options->class_names) return importer->options->class_names;
    return importer->classes.count ? &importer->classes : NULL;
}

static bool is_text(struct span span, const char *text) {
    return span.size == strlen(text) && !memcmp(span.bytes, text, span.size);
}

// Puts the name of the sample's class before its labels, into `labels`, which the caller frees: so a classification set
// gets texts, which prompts are made of in training. A record that was packed before has it there already.
static const char *add_class_name(const struct importer *importer, struct record *record, struct span **labels) {
    *labels = NULL;
    const struct strings *names = importer_class_names(importer);
    if (!names || record->class < 0) return NULL;
    if (record->class >= (int64_t)names->count) return "its class is beyond the list of class names";
    const char *name = names->item[record->class];
    if (record->label_count && is_text(record->labels[0], name)) return NULL;
    *labels = xcalloc((size_t)record->label_count + 1, sizeof **labels);
    (*labels)[0] = (struct span){name, strlen(name)};
    if (record->label_count) memcpy(*labels + 1, record->labels, (size_t)record->label_count * sizeof **labels);
    record->labels = *labels;
    record->label_count++;
    return NULL;
}

static const char *check_counts(const struct record *record) {
    if (record->caption_count > RECORD_TEXTS_LIMIT) return "it has more captions than a record holds";
    if (record->label_count > RECORD_TEXTS_LIMIT) return "it has more labels than a record holds";
    return NULL;
}

static void append_keys(struct buffer *text, const char *what, const struct strings *keys) {
    if (keys->count) buffer_text(text, what);
    for (size_t i = 0; i < keys->count; i++) buffer_format(text, "%s%s", i ? ", " : "", keys->item[i]);
}

// One sentence: what was looked for, where, and what is there. It is mostly read by somebody who mistyped a key.
int importer_nothing(const struct importer *importer) {
    struct buffer text = {0};
    if (importer->seen.samples)
        buffer_format(&text, "none of the first %lld records is", (long long)importer->seen.samples);
    else
        buffer_text(&text, "there is not");
    buffer_text(&text, " a picture with a caption, label or class");
    append_keys(&text, "; looked for pictures in ", &importer->image_keys);
    append_keys(&text, ", captions in ", &importer->caption_keys);
    append_keys(&text, ", labels in ", &importer->label_keys);
    append_keys(&text, ", classes in ", &importer->class_keys);
    if (importer->seen.keys.count) buffer_format(&text, "; the %s seen are ", importer->format->keys);
    append_keys(&text, "", &importer->seen.keys);
    if (importer->seen.defect) buffer_format(&text, "; e.g. %s", importer->seen.defect);
    int status = error(EXIT_DATA, "%s: %s", importer->path, text.bytes);
    buffer_release(&text);
    return status;
}

// The sink gets samples with defects too, since it is the sink that counts and names what is left out.
int importer_give(struct importer *importer, const struct import_sample *sample) {
    struct import_sample given = *sample;
    struct span *labels;
    const char *defect = add_class_name(importer, &given.record, &labels);
    if (!defect) defect = check_counts(&given.record);
    if (!given.defect) given.defect = defect;
    note_sample(importer, &given);
    int status = importer->sink(importer->context, &given);
    free(labels);
    if (!status && importer->seen.samples == PROBE_SAMPLES && !importer->seen.matched)
        status = importer_nothing(importer);
    return status;
}

size_t importer_picture_limit(const struct importer *importer) {
    const int64_t limit = importer->options->max_picture_bytes;
    return limit ? (size_t)limit : RECORD_BYTES_LIMIT;
}
