// What Megatron Energon puts beside X.tar as X.tar.idx: 8 bytes little endian each, the offset of every sample's first
// header and that of the end. It names nothing: what members there are, and so what fields, the first samples tell.
#include "base/fail.h"
#include "dataset/import/shard_index.h"
#include "remote/objects.h"

#define PROBE_SAMPLES 100

static int64_t offset_at(const struct buffer *offsets, size_t number) {
    uint64_t offset = 0;
    for (int i = 0; i < 8; i++) offset |= (uint64_t)(unsigned char)offsets->bytes[8 * number + (size_t)i] << 8 * i;
    return offset > INT64_MAX / 2 ? -1 : (int64_t)offset;
}

static int note_fields(void *context, const struct import_sample *sample) {
    unsigned *fields = context;
    if (!sample->defect) *fields |= record_fields(&sample->record);
    return 0;
}

static bool is_enough(unsigned fields) {
    const unsigned texts = record_field_bit("captions") | record_field_bit("labels") | record_field_bit("class");
    return fields & (record_field_bit("image") | record_field_bit("images") | record_field_bit("video")) &&
           fields & texts;
}

static int probe(const struct shard_index *index, struct importer *importer, unsigned *fields) {
    static const struct remote_options defaults = REMOTE_DEFAULTS;
    struct objects *objects;
    struct buffer bytes = {0};
    int status = objects_open(&objects, importer->object, 1, &defaults);
    for (size_t i = 0; i < index->count && i < PROBE_SAMPLES && !status && !is_enough(*fields); i++) {
        const struct indexed_sample *sample = &index->sample[i];
        buffer_clear(&bytes);
        *fields = 0;
        status = objects_read(objects, 0, sample->offset, (size_t)sample->length, &bytes);
        if (!status)
            status = import_stretch(importer->options, importer->path, (struct span){bytes.bytes, bytes.size},
                                    note_fields, fields);
    }
    objects_close(&objects);
    buffer_release(&bytes);
    return status;
}

static int refuse(const struct shard_index *index, const char *why) {
    return error(EXIT_DATA, "%s: %s; make it anew, or --scan reads the shard instead", index->path, why);
}

static int take_offsets(struct shard_index *index, const struct buffer *offsets) {
    for (size_t i = 0; i + 1 < offsets->size / 8; i++) {
        index->end = offset_at(offsets, i);
        struct indexed_sample *sample = shard_index_begin(index);
        const int64_t end = offset_at(offsets, i + 1);
        if (index->end < 0 || index->end % 512 || end % 512 || end <= index->end ||
            end - index->end > RECORD_BYTES_LIMIT)
            return refuse(index, "its offsets do not ascend in blocks of a tar, or a sample is too large");
        sample->length = end - sample->offset;
        index->end = end;
    }
    return 0;
}

int shard_index_energon(struct shard_index *index, struct importer *importer, const struct buffer *offsets) {
    if (offsets->size % 8 || offsets->size < 16) return refuse(index, "is not 8 bytes for each sample and the end");
    unsigned fields = 0;
    int status = take_offsets(index, offsets);
    if (!status) status = probe(index, importer, &fields);
    for (size_t i = 0; i < index->count; i++) index->sample[i].fields = fields;
    return status;
}
