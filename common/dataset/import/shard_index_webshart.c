// webshart's JSON, X.json beside X.tar: {"files": {NAME: {"offset": …, "length": …}}}, or an array of the same with the
// name inside. Offsets are of members' bytes; the order is none. A sample may have captions here, as its tools take
// them out of the tar.
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/json.h"
#include "dataset/import/shard_index.h"

static int refuse(const struct shard_index *index, const char *why) {
    return error(EXIT_DATA, "%s: %s; make it anew, or --scan reads the shard instead", index->path, why);
}

static const json_t *first_of(const json_t *object, const char *a, const char *b, const char *c) {
    const json_t *value = json_object_get(object, a);
    if (!value) value = json_object_get(object, b);
    return value ? value : json_object_get(object, c);
}

struct file {
    struct indexed_member member;
    const json_t *captions; // NULL: none
};

static bool take_file(struct file *file, const char *name, const json_t *object) {
    const json_t *given = first_of(object, "path", "fname", "filename"), *offset = json_object_get(object, "offset"),
                 *length = first_of(object, "length", "size", "size");
    *file = (struct file){.captions = first_of(object, "captions", "caption", "caption"),
                          .member = {.name = name ? name : json_string_value(given),
                                     .offset = json_integer_value(offset),
                                     .length = json_integer_value(length)}};
    return file->member.name && json_is_integer(offset) && json_is_integer(length);
}

static int by_offset(const void *a, const void *b) {
    const int64_t x = ((const struct file *)a)->member.offset, y = ((const struct file *)b)->member.offset;
    return x < y ? -1 : x > y;
}

// As objects by name, or in an array.
static bool take_files(struct file *file, const json_t *files) {
    const char *name;
    json_t *object;
    size_t i, count = 0;
    bool right = true;
    json_array_foreach(files, i, object) right = right && take_file(&file[count++], NULL, object);
    json_object_foreach((json_t *)files, name, object) right = right && take_file(&file[count++], name, object);
    return right;
}

static void take_caption(struct indexed_sample *sample, const json_t *text) {
    if (!json_is_string(text)) return;
    strings_add(&sample->captions, json_string_value(text), json_string_length(text));
    sample->fields |= record_field_bit("captions");
}

// One text, or an array of them.
static void take_captions(struct indexed_sample *sample, const json_t *captions) {
    take_caption(sample, captions);
    for (size_t i = 0; i < json_array_size(captions); i++) take_caption(sample, json_array_get(captions, i));
}

static int take_all(struct shard_index *index, struct importer *importer, const json_t *files) {
    const size_t count = json_is_array(files) ? json_array_size(files) : json_object_size(files);
    struct file *file = xcalloc(count + 1, sizeof *file);
    int status = take_files(file, files) ? 0 : refuse(index, "a file has no name, offset or length");
    qsort(file, count, sizeof *file, by_offset);
    for (size_t i = 0; i < count && !status; i++) {
        if (!shard_index_member(index, importer, &file[i].member))
            status = refuse(index, "its places are not those of a tar's members");
        else if (file[i].captions && index->count)
            take_captions(&index->sample[index->count - 1], file[i].captions);
    }
    free(file);
    return status;
}

int shard_index_webshart(struct shard_index *index, struct importer *importer, const struct buffer *text) {
    json_error_t place;
    json_t *document = json_parse(text->bytes, text->size, &place);
    const json_t *files = json_object_get(document, "files");
    int status = files ? take_all(index, importer, files) : refuse(index, "has no \"files\"");
    json_decref(document);
    return status;
}
