// Which of a record's fields is shown. A record may have a picture beside its video or pictures; a model that sees one
// picture is shown that one.
#include "encoded.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "dataset/extent.h"
#include "dataset/load.h"

#define LIMIT_OPTION "max-picture-bytes"

// Frees the defect; NULL: there is none.
static int take_defect(char *defect, char *reason, size_t size) {
    if (!defect) return 0;
    snprintf(reason, size, "%s", defect);
    free(defect);
    return -EXIT_DATA;
}

static char *load_line(struct encoded *encoded, struct buffer *file, const char *line,
                       const struct encoded_options *options) {
    struct extent extent = {.path = line};
    if (options->extents && !extent_read(&extent, line))
        return xstrdup("is no line of --extents: OFFSET LENGTH NAME TAB PATH is expected");
    char *path = path_join(options->root ? options->root : ".", extent.path);
    char *defect = options->extents ? open_files_read(options->extents, file, path, extent.offset, extent.length,
                                                      options->limit, LIMIT_OPTION)
                                    : load_file(file, path, options->limit, LIMIT_OPTION);
    encoded->one = (struct span){file->bytes, file->size};
    free(path);
    return defect;
}

// What comes first that is there, of a record of which several pictures are wanted or one.
static void choose_field(struct encoded *encoded, const struct record *record, bool several) {
    encoded->one = record->image;
    if (record->image.size && !several) return;
    if (record->video.size) encoded->one = record->video;
    if (record->video.size || !record->image_count) return;
    encoded->item = record->images;
    encoded->count = record->image_count;
}

static char *find_in_record(struct encoded *encoded, const struct sample *sample,
                            const struct encoded_options *options) {
    choose_field(encoded, &sample->record, options->several);
    for (int i = 0; i < encoded->count; i++) {
        const size_t size = encoded->item[i].size;
        if (!size) return xstrdup(*sample->reason ? sample->reason : "the record has no picture");
        if (size > options->limit) return load_too_large(size, options->limit, LIMIT_OPTION);
    }
    return NULL;
}

int encoded_find(struct encoded *encoded, struct buffer *file, const struct sample *sample,
                 const struct encoded_options *options, char *reason, size_t reason_size) {
    *encoded = (struct encoded){.item = &encoded->one, .count = 1};
    char *defect =
        sample->line ? load_line(encoded, file, sample->line, options) : find_in_record(encoded, sample, options);
    return take_defect(defect, reason, reason_size);
}
