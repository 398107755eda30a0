// The text of a caption, and where --stop-at ends it. A search is stopped by the tail of its caption, which is read
// again behind every token and so is short; what a caption then is, its whole text decides.
#include <string.h>

#include "text_decode.h"

// A token is a byte of text or more, but for what texts leave out, and decoders take blanks off their ends.
enum { TAIL_BESIDE = 4 };

bool caption_stops(void *context, const int32_t *token, int length) {
    struct text_decode *self = context;
    struct buffer *tail = &self->captioner.tail;
    const size_t most = strlen(self->decoding.stop_at) + TAIL_BESIDE;
    const int first = (size_t)length > most ? length - (int)most : 0;
    buffer_clear(tail);
    tokenizer_decode(self->tokenizer, token + first, length - first, tail);
    return tail->size && strstr(tail->bytes, self->decoding.stop_at);
}

// open_clip's captions may end with padding instead of EOS, which is no word of theirs although it has a text ("!").
static int words_end(const struct text_decode *self, const int32_t *token) {
    int T = self->base.part.config.text.context_length;
    while (T > 0 && token[T - 1] == self->base.part.config.text.pad_id) T--;
    return T;
}

void caption_text(const struct text_decode *self, const int32_t *token, struct buffer *text) {
    const char *stop = self->decoding.stop_at;
    buffer_clear(text);
    tokenizer_decode(self->tokenizer, token, words_end(self, token), text);
    const char *at = stop && text->size ? strstr(text->bytes, stop) : NULL;
    if (!at) return;
    text->size = (size_t)(at - text->bytes) + strlen(stop);
    text->bytes[text->size] = 0;
}
