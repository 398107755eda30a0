// The page of `captions --html`: pictures are inside as data: URIs, byte for byte as packed, so that one file can be
// sent to somebody, and browsers, which know EXIF, turn them upright. Everything that comes from data is escaped.
#include "page.h"

#include <string.h>

#include "html.h"
#include "image/image.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>%s</title>\n"
    "<style>\n"
    "body { font: 16px/1.4 sans-serif; margin: 2em; background: #fff; color: #111 }\n"
    "main { display: grid; grid-template-columns: repeat(auto-fill, minmax(15em, 1fr)); gap: 2em }\n"
    "figure { margin: 0 } img { width: 100%%; height: 15em; object-fit: contain; background: #f4f4f4 }\n"
    "figcaption { margin-top: .5em } .true, .name { color: #666; font-size: .85em }\n"
    "</style>\n<h1>%s</h1>\n<p>The generated caption, below it those of the dataset.</p>\n<main>\n";

int page_open(struct page *page, const char *path, const char *title) {
    struct buffer text = {0};
    int status = aside_open(&page->aside, path);
    if (status) return status;
    text_html(&text, title, strlen(title));
    fprintf(page->aside.file, head, text.bytes, text.bytes);
    buffer_release(&text);
    return 0;
}

static const char *media_type(struct span picture) {
    switch (image_format_of(picture.bytes, picture.size)) {
    case IMAGE_JPEG: return "image/jpeg";
    case IMAGE_PNG: return "image/png";
    case IMAGE_WEBP: return "image/webp";
    default: return NULL;
    }
}

// A picture of an unknown type has no image, but its captions are shown.
void page_add(struct page *page, const struct truth *truth, const char *caption) {
    const struct span picture = truth->record.image;
    const char *type = picture.size ? media_type(picture) : NULL;
    struct buffer text = {0};
    buffer_text(&text, "<figure>");
    if (type) {
        buffer_text(&text, "<img alt=\"\" src=\"");
        text_data_uri(&text, type, picture.bytes, picture.size);
        buffer_text(&text, "\">");
    }
    buffer_text(&text, "\n<figcaption>");
    text_html(&text, caption, strlen(caption));
    buffer_text(&text, "<div class=\"true\">");
    truth_texts(truth, &text, "<br>", text_html);
    buffer_text(&text, "</div><div class=\"name\">");
    text_html(&text, truth->name, strlen(truth->name));
    buffer_text(&text, "</div></figcaption></figure>\n");
    fwrite(text.bytes, 1, text.size, page->aside.file);
    buffer_release(&text);
}

int page_close(struct page *page) {
    fputs("</main>\n</html>\n", page->aside.file);
    return aside_commit(&page->aside);
}

void page_abandon(struct page *page) {
    aside_abandon(&page->aside);
}
