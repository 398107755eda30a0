// The page of `dedup --html`. Pictures are shrunk, as a hundred pairs of photographs are otherwise too much for a
// browser.
#include "pairs_page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/image.h"
#include "text/html_write.h"

enum { SHOWN = 320, QUALITY = 85 }; // longest side in pixels; of JPEG

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>%s</title>\n"
    "<style>\n"
    ":root { color-scheme: light dark; --page: #f5f5f3; --card: #fff; --edge: #dcdcd8; --text: #1a1a1a; --dim: #63635e }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "  :root { --page: #161616; --card: #222; --edge: #3a3a3a; --text: #eee; --dim: #a3a3a0 } }\n"
    "* { box-sizing: border-box }\n"
    "body { font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; padding: clamp(.8em, 3vw, 2em); max-width: 60em;\n"
    "  background: var(--page); color: var(--text); overflow-wrap: anywhere }\n"
    "h1 { font-size: 1.5em; margin: 0 0 .2em } p { margin: 0 0 1.5em; color: var(--dim) }\n"
    "section { display: grid; grid-template-columns: 1fr 1fr; gap: .8em; background: var(--card); margin: 0 0 1.2em;\n"
    "  border: 1px solid var(--edge); border-radius: .5em; padding: .8em }\n"
    "h2 { grid-column: 1 / -1; font-size: 1em; margin: 0 } figure { margin: 0; min-width: 0 }\n"
    "img, .none { display: block; width: 100%%; height: 14em; object-fit: contain; background: #e9e9e6 }\n"
    ".none { padding: 6em 1em 0; text-align: center; color: #63635e }\n"
    "figcaption { margin-top: .4em; font: .75em/1.4 ui-monospace, monospace; color: var(--dim) }\n"
    "</style>\n<h1>%s</h1>\n<p>%s</p>\n";

int pairs_page_open(struct pairs_page *page, const char *path, const char *title, const char *words) {
    struct buffer heading = {0}, text = {0};
    int status = aside_open(&page->aside, path);
    if (status) return status;
    text_html(&heading, title, strlen(title));
    text_html(&text, words, strlen(words));
    fprintf(page->aside.file, head, heading.bytes, heading.bytes, text.bytes);
    buffer_release(&heading);
    buffer_release(&text);
    return 0;
}

static void add_jpeg(struct buffer *text, const struct image *image) {
    const double scale = fmin(1, (double)SHOWN / (image->width > image->height ? image->width : image->height));
    const int width = (int)fmax(1, image->width * scale), height = (int)fmax(1, image->height * scale);
    uint8_t *pixels = xcalloc((size_t)width * (size_t)height, 3);
    void *bytes;
    size_t size;
    image_resize(pixels, width, height, image, (struct image_box){0, 0, image->width, image->height});
    if (!image_encode_jpeg(&bytes, &size, pixels, width, height, QUALITY)) {
        buffer_text(text, "<img alt=\"\" loading=\"lazy\" src=\"");
        text_data_uri(text, "image/jpeg", bytes, size);
        buffer_text(text, "\">");
        free(bytes);
    }
    free(pixels);
}

static void add_side(struct buffer *text, const struct pairs_side *side) {
    struct image image;
    char reason[IMAGE_REASON];
    buffer_text(text, "<figure>");
    if (!side->picture.size || image_decode(&image, side->picture.bytes, side->picture.size, reason)) {
        buffer_text(text, "<div class=\"none\">no picture</div>");
    } else {
        add_jpeg(text, &image);
        image_release(&image);
    }
    buffer_text(text, "<figcaption dir=\"auto\">");
    text_html(text, side->name.bytes, side->name.size);
    buffer_text(text, "</figcaption></figure>");
}

void pairs_page_add(struct pairs_page *page, const char *how, const struct pairs_side side[2]) {
    struct buffer text = {0};
    buffer_format(&text, "<section><h2>%s</h2>", how);
    add_side(&text, &side[0]);
    add_side(&text, &side[1]);
    buffer_text(&text, "</section>\n");
    fwrite(text.bytes, 1, text.size, page->aside.file);
    buffer_release(&text);
}

int pairs_page_close(struct pairs_page *page) {
    fputs("</html>\n", page->aside.file);
    return aside_commit(&page->aside);
}

void pairs_page_abandon(struct pairs_page *page) {
    aside_abandon(&page->aside);
}
