// What an importer gathers of one sample before it is given: readers meet its parts in any order, from several files or
// members, in memory that does not last. So everything is copied in here and given at once. What goes wrong with a part
// is noted as a defect of the sample, never an end of the import: of a million pictures some are always broken.
#include "dataset/import/draft.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/lines.h"
#include "base/text.h"
#include "base/utf8.h"
#include "dataset/import/formats.h"
#include "dataset/load.h"

static void *copy_of(const void *bytes, size_t size) {
    char *copy = xmalloc(size + 1);
    if (size) memcpy(copy, bytes, size);
    copy[size] = 0;
    return copy;
}

// Texts are copied, with a NUL behind them that does not count.
static void texts_add(struct texts *texts, const void *text, size_t size) {
    if (texts->count == texts->capacity) {
        texts->capacity = texts->capacity ? 2 * texts->capacity : 8;
        texts->item = xrealloc_array(texts->item, (size_t)texts->capacity, sizeof *texts->item);
    }
    texts->item[texts->count++] = (struct span){copy_of(text, size), size};
}

void texts_clear(struct texts *texts) {
    for (int i = 0; i < texts->count; i++) free((void *)texts->item[i].bytes);
    texts->count = 0;
}

void texts_put(struct texts *texts, int place, const void *text, size_t size) {
    while (texts->count <= place) {
        texts_add(texts, "", 0);
        free((void *)texts->item[texts->count - 1].bytes);
        texts->item[texts->count - 1] = (struct span){0};
    }
    free((void *)texts->item[place].bytes);
    texts->item[place] = (struct span){copy_of(text, size), size};
}

void draft_clear(struct draft *draft) {
    buffer_clear(&draft->name);
    buffer_clear(&draft->id);
    buffer_clear(&draft->path);
    buffer_clear(&draft->picture);
    buffer_release(&draft->video); // one that is empty is told from none by its address
    buffer_clear(&draft->question);
    buffer_clear(&draft->question_type);
    buffer_clear(&draft->answer_type);
    buffer_clear(&draft->answer);
    texts_clear(&draft->captions);
    texts_clear(&draft->labels);
    texts_clear(&draft->answers);
    texts_clear(&draft->pictures);
    free(draft->defect);
    draft->defect = NULL;
    draft->picture_key = -1;
    draft->at = ORIGIN_NONE;
    draft->class = -1;
}

void draft_release(struct draft *draft) {
    draft_clear(draft);
    buffer_release(&draft->name);
    buffer_release(&draft->id);
    buffer_release(&draft->path);
    buffer_release(&draft->picture);
    buffer_release(&draft->question);
    buffer_release(&draft->question_type);
    buffer_release(&draft->answer_type);
    buffer_release(&draft->answer);
    free(draft->captions.item);
    free(draft->labels.item);
    free(draft->answers.item);
    free(draft->pictures.item);
}

static struct span span_of(const struct buffer *buffer) {
    return (struct span){buffer->bytes, buffer->size};
}

struct record draft_record(const struct draft *draft) {
    const char *picture = draft->picture_key < 0 ? NULL : draft->picture.bytes;
    return (struct record){.image = {picture, picture ? draft->picture.size : 0},
                           .images = draft->pictures.item,
                           .image_count = draft->pictures.count,
                           .video = span_of(&draft->video),
                           .captions = draft->captions.item,
                           .caption_count = draft->captions.count,
                           .labels = draft->labels.item,
                           .label_count = draft->labels.count,
                           .answers = draft->answers.item,
                           .answer_count = draft->answers.count,
                           .question = span_of(&draft->question),
                           .question_type = span_of(&draft->question_type),
                           .answer_type = span_of(&draft->answer_type),
                           .answer = span_of(&draft->answer),
                           .class = draft->class,
                           .id = span_of(&draft->id)};
}

// Everything is lent for the call: the draft is used again for the next sample.
int draft_give(const struct draft *draft, struct importer *importer) {
    struct import_sample sample = {.name = draft->name.bytes, .defect = draft->defect, .record = draft_record(draft)};
    struct origin origin = draft->at;
    origin.object = importer->object;
    origin.images = draft->pictures_at;
    if (importer->object) sample.origin = &origin;
    struct buffer id = {0};
    text_escape(&id, draft->id.bytes, draft->id.size);
    sample.record.id = span_of(&id);
    int status = importer_give(importer, &sample);
    buffer_release(&id);
    return status;
}

void draft_caption(struct draft *draft, const void *text, size_t size) {
    texts_add(&draft->captions, text, size);
}

void draft_label(struct draft *draft, const void *text, size_t size) {
    texts_add(&draft->labels, text, size);
}

void draft_answer(struct draft *draft, const void *text, size_t size) {
    texts_add(&draft->answers, text, size);
}

void draft_question(struct draft *draft, const void *text, size_t size) {
    buffer_append(&draft->question, text, size);
}

static bool is_blank(const char *text, size_t size) {
    while (size && isspace((unsigned char)*text)) text++, size--;
    return !size;
}

// The empty text tells the sink "there was a caption, and it was empty", which it counts by name.
void draft_lines(struct texts *texts, const void *text, size_t size, bool first_only) {
    const int before = texts->count;
    const char *line;
    size_t length;
    struct lines lines;
    lines_begin(&lines, text, size);
    while (!(first_only && texts->count > before) && lines_next(&lines, &line, &length))
        if (!is_blank(line, length)) texts_add(texts, line, length);
    if (texts->count == before) texts_add(texts, "", 0);
}

// strtoll takes a sign and stops anywhere, so what is left must be blank and the value no less than 0.
void draft_class(struct draft *draft, const void *text, size_t size) {
    const size_t mark = lines_mark(text, size);
    char *copy = copy_of(mark ? (const char *)text + mark : text, size - mark), *end;
    errno = 0;
    const long long value = strtoll(copy, &end, 10);
    if (end == copy || !is_blank(end, strlen(end)) || errno || value < 0)
        draft_defect(draft, "its class is \"%.40s\", not a whole number", copy);
    else
        draft->class = value;
    free(copy);
}

// The first one: what follows is mostly its consequence.
void draft_defect(struct draft *draft, const char *format, ...) {
    if (draft->defect) return;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    draft->defect = xstrdup(text);
}

static void load(struct draft *draft, struct buffer *bytes, const struct importer *importer, const char *path) {
    char *defect = load_file(bytes, path, importer_picture_limit(importer), "max-picture-bytes");
    if (defect) draft_defect(draft, "%s %s", path, defect);
    free(defect);
}

void draft_picture_file(struct draft *draft, const struct importer *importer, const char *path) {
    load(draft, &draft->picture, importer, path);
    draft->picture_key = 0;
}

void draft_pictures_file(struct draft *draft, const struct importer *importer, const char *path) {
    struct buffer picture = {0};
    load(draft, &picture, importer, path);
    texts_add(&draft->pictures, picture.bytes, picture.size);
    buffer_release(&picture);
}

void draft_video_file(struct draft *draft, const struct importer *importer, const char *path) {
    load(draft, &draft->video, importer, path);
}

static bool is_video(const char *path) {
    static const char *const suffixes[] = {VIDEO_SUFFIXES};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (text_ends_alike(path, suffixes[i])) return true;
    return false;
}

void draft_file(struct draft *draft, const struct importer *importer) {
    if (!draft->path.size) return;
    (is_video(draft->path.bytes) ? draft_video_file : draft_picture_file)(draft, importer, draft->path.bytes);
}

// Lists are made by hand and moved about: relative paths are meant from where the list lies, unless a root is given.
char *draft_listed_path(const struct importer *importer, const char *list, const char *path) {
    const char *root = importer->options->images_root;
    char *folder = root ? xstrdup(root) : path_parent(list), *joined = path_join(*folder ? folder : ".", path);
    free(folder);
    return joined;
}

void draft_listed_picture(struct draft *draft, const struct importer *importer, const char *list, const char *path,
                          size_t length) {
    char *name = xstrndup(path, length), *joined = draft_listed_path(importer, list, name);
    buffer_append(&draft->id, path, length);
    if (!length)
        draft_defect(draft, "no picture is named");
    else if (memchr(path, 0, length))
        draft_defect(draft, "the name of its picture has a NUL byte in it");
    else
        buffer_text(&draft->path, joined);
    free(name);
    free(joined);
}
