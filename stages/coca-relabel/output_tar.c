// Members go from tar to tar as bytes, with all that stands in their headers; what is edited or new has the header of
// its neighbour in all but name and size.
#include "output_private.h"

#include <stdlib.h>
#include <string.h>

#include "tensor/npy.h"

enum { CHUNK = 1 << 20, RECORD_BLOCKS = 20 };

static int copy_bytes(struct output *output, struct tar *tar, int64_t begin, int64_t end) {
    int status = 0;
    for (int64_t size; begin < end && !status; begin += size) {
        size = end - begin < CHUNK ? end - begin : CHUNK;
        status = tar_read(tar, begin, size, &output->bytes);
        packed_write(output->packed, output->bytes.bytes, output->bytes.size);
    }
    return status;
}

static void write_padded(struct output *output, const void *bytes, size_t size) {
    static const char zeros[TAR_BLOCK];
    packed_write(output->packed, bytes, size);
    packed_write(output->packed, zeros, (size_t)tar_padded((int64_t)size) - size);
}

static void write_new(struct output *output, const char like[TAR_BLOCK], const struct sample *sample,
                      const char *suffix, const struct buffer *content) {
    char *name = xformat("%s.%s", sample->key.bytes, suffix);
    buffer_clear(&output->bytes);
    tar_header(&output->bytes, like, name, (int64_t)content->size);
    packed_write(output->packed, output->bytes.bytes, output->bytes.size);
    write_padded(output, content->bytes, content->size);
    free(name);
}

// A size that stood in front of the header is of the old text: then the name is all that is kept of what stood there.
static int write_json(struct output *output, struct tar *tar, const struct sample_member *member) {
    const struct tar_member *at = &member->tar;
    int status = at->extends_size ? 0 : copy_bytes(output, tar, at->begin, at->header);
    if (!status) status = tar_read(tar, at->header, TAR_BLOCK, &output->bytes);
    if (status) return status;
    struct buffer header = {0};
    if (at->extends_size)
        tar_header(&header, output->bytes.bytes, member->name.bytes, (int64_t)output->json.size);
    else
        tar_resize(&header, output->bytes.bytes, (int64_t)output->json.size);
    packed_write(output->packed, header.bytes, header.size);
    write_padded(output, output->json.bytes, output->json.size);
    buffer_release(&header);
    return 0;
}

// ---- embeddings

static void write_array(struct output *output, const char like[TAR_BLOCK], const struct sample *sample,
                        const char *suffix, struct shape shape, const float *rows) {
    const struct tensor tensor = {.dtype = DT_F32, .shape = shape};
    struct buffer array = {0};
    npy_begin(&array, &tensor);
    const int64_t width = shape.dim[shape.rank - 1], count = shape.rank > 1 ? shape.dim[0] : 1;
    for (int64_t i = 0; i < count; i++) {
        const int64_t row = shape.rank > 1 ? output->kept[i] : 0;
        buffer_append(&array, rows + row * width, (size_t)width * sizeof *rows);
    }
    write_new(output, like, sample, suffix, &array);
    buffer_release(&array);
}

static void write_embeddings(struct output *output, const char like[TAR_BLOCK], const struct sample *sample,
                             const struct result *result) {
    const struct results_form *form = &output->options.form;
    if (form->image) write_array(output, like, sample, "image.npy", SHAPE(form->image), result->image);
    if (form->text) write_array(output, like, sample, "text.npy", SHAPE(output->count, form->text), result->texts);
}

// One that an earlier job wrote gives way.
static bool is_replaced(const struct output *output, const struct sample *sample, const struct sample_member *member) {
    const struct results_form *form = &output->options.form;
    const size_t key = sample->key.size;
    const char *name = member->name.bytes;
    if (member->name.size <= key || memcmp(name, sample->key.bytes, key)) return false;
    return (form->image && !strcmp(name + key, ".image.npy")) || (form->text && !strcmp(name + key, ".text.npy"));
}

// ---- samples

static int copy_sample(struct output *output, struct tar *tar, const struct sample *sample) {
    const struct sample_member *last = &sample->member[sample->members - 1];
    return sample->members ? copy_bytes(output, tar, sample->member[0].tar.begin, last->tar.end) : 0;
}

static bool is_copied(const struct output *output, const struct sample *sample, int i) {
    return i != sample->json_member && !is_replaced(output, sample, &sample->member[i]);
}

// Neighbours that stay as they are go in one piece.
static int write_members(struct output *output, struct tar *tar, const struct sample *sample) {
    int status = 0;
    for (int i = 0, end; i < sample->members && !status; i = end) {
        const struct sample_member *member = &sample->member[i];
        for (end = i; end < sample->members && is_copied(output, sample, end);) end++;
        if (end > i)
            status = copy_bytes(output, tar, member->tar.begin, sample->member[end - 1].tar.end);
        else if (end++ == sample->json_member)
            status = write_json(output, tar, member);
    }
    return status;
}

int output_add_to_tar(struct output *output, struct source *source, const struct sample *sample,
                      const struct result *result, char **defect) {
    struct tar *tar = source_tar(source);
    struct json_field fields[OUTPUT_FIELDS];
    char like[TAR_BLOCK];
    if (!result) return copy_sample(output, tar, sample);
    const char *object = sample->has_json ? sample->json.bytes : "{}";
    const size_t size = sample->has_json ? sample->json.size : strlen(object);
    buffer_clear(&output->json);
    *defect = json_edit(&output->json, object, size, fields, output_fields(output, result, false, fields));
    if (*defect) return copy_sample(output, tar, sample);
    int status = write_members(output, tar, sample);
    if (!status) status = tar_read(tar, sample->offset - TAR_BLOCK, TAR_BLOCK, &output->bytes);
    if (status) return status;
    memcpy(like, output->bytes.bytes, TAR_BLOCK);
    if (sample->json_member < 0) write_new(output, like, sample, "json", &output->json);
    write_embeddings(output, like, sample, result);
    return 0;
}

// Two blocks of zeros are the end; tar and Python write whole records of 20.
void output_end_tar(struct output *output) {
    static const char zeros[TAR_BLOCK];
    packed_write(output->packed, zeros, TAR_BLOCK);
    packed_write(output->packed, zeros, TAR_BLOCK);
}
