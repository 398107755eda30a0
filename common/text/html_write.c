// Captions and names of others on a page: what would open a tag there is made harmless here, at the way out, and the
// pictures become part of the file.
#include "text/html_write.h"

#include "base/text.h"

static void escape(struct buffer *out, char byte) {
    switch (byte) {
    case '&': buffer_text(out, "&amp;"); break;
    case '<': buffer_text(out, "&lt;"); break;
    case '>': buffer_text(out, "&gt;"); break;
    case '"': buffer_text(out, "&quot;"); break;
    default: buffer_append(out, &byte, 1);
    }
}

void text_html(struct buffer *out, const char *text, size_t size) {
    struct buffer clean = {0};
    text_clean(&clean, text, size);
    for (size_t i = 0; i < clean.size; i++) escape(out, clean.bytes[i]);
    buffer_release(&clean);
}

// Three bytes are four characters of six bits; what is missing of the last three is said by "=".
void text_data_uri(struct buffer *out, const char *media_type, const void *bytes, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = bytes;
    buffer_format(out, "data:%s;base64,", media_type);
    buffer_reserve(out, size / 3 * 4 + 4);
    for (size_t i = 0; i < size; i += 3) {
        const size_t left = size - i;
        const unsigned group =
            (unsigned)at[i] << 16 | (left > 1 ? (unsigned)at[i + 1] << 8 : 0) | (left > 2 ? at[i + 2] : 0);
        const char quad[4] = {digits[group >> 18], digits[group >> 12 & 63], left > 1 ? digits[group >> 6 & 63] : '=',
                              left > 2 ? digits[group & 63] : '='};
        buffer_append(out, quad, sizeof quad);
    }
}
