// Captions as a list: TSV "name TAB caption", or JSON as COCO's result files have it: [{"image_id", "caption"}]. In
// JSON a name is whole, in TSV and where it is not UTF-8 as it is spelled on a line.
#pragma once

#include "base/file.h"

enum caption_format { CAPTIONS_TSV, CAPTIONS_JSON };

struct caption_list {
    enum caption_format format;
    FILE *file;
    struct aside aside; // unless it is stdout, or appended to
    bool append;
    int64_t count;
};
// `path` "-" is stdout; `append` leaves what the file has. 0 or -EXIT_RUN.
int caption_list_open(struct caption_list *list, const char *path, enum caption_format format, bool append);
// `spell` is text_escape for a path, which it tells from every other, text_clean for an id, which packing has spelled.
void caption_list_add(struct caption_list *list, const char *name,
                      void (*spell)(struct buffer *out, const char *text, size_t size), const char *caption);
int caption_list_flush(struct caption_list *list); // 0 or -EXIT_RUN
int caption_list_close(struct caption_list *list); // 0 or -EXIT_RUN
void caption_list_abandon(struct caption_list *list);
