// All texts have CLIPScore's own beginning. They are as long as a line of a list may be, far beyond what a model reads.
#include "clip_texts.h"

#include <string.h>

#include "base/utf8.h"

#define TEXT_LIMIT (16 << 10)

int clip_texts_open(struct clip_texts *texts, const char *path) {
    return spool_writer_open(&texts->list, path, 1);
}

// A text goes as far as its first NUL, if there is one.
static void add(struct clip_texts *texts, const char *text, size_t size) {
    struct buffer *line = &texts->line;
    buffer_clear(line);
    buffer_text(line, "A photo depicts ");
    utf8_repair(line, text, strnlen(text, size));
    spool_write(&texts->list, line->bytes, utf8_cut(line->bytes, line->size, TEXT_LIMIT));
}

void clip_texts_add(struct clip_texts *texts, const struct truth *truth, const char *caption) {
    const struct record *record = &truth->record;
    if (!clip_texts_of(record)) return;
    add(texts, caption, strlen(caption));
    for (int i = 0; i < record->caption_count; i++) add(texts, record->captions[i].bytes, record->captions[i].size);
}

int clip_texts_close(struct clip_texts *texts) {
    buffer_release(&texts->line);
    return spool_writer_close(&texts->list);
}

void clip_texts_release(struct clip_texts *texts) {
    buffer_release(&texts->line);
    spool_writer_abandon(&texts->list);
}

int clip_texts_of(const struct record *record) {
    return record->caption_count ? 1 + record->caption_count : 0;
}
