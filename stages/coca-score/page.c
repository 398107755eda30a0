// The page of `captions --html`: pictures are inside as data: URIs, byte for byte as packed, so that one file can be
// sent to somebody, and browsers, which know EXIF, turn them upright. Everything that comes from data is escaped. Long
// names take three lines and are whole under the pointer.
#include "page.h"

#include <string.h>

#include "text/html_write.h"
#include "image/image.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>%s</title>\n"
    "<style>\n"
    ":root { color-scheme: light dark; --page: #f5f5f3; --card: #fff; --edge: #dcdcd8; --text: #1a1a1a; --dim: #63635e }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "  :root { --page: #161616; --card: #222; --edge: #3a3a3a; --text: #eee; --dim: #a3a3a0 } }\n"
    "* { box-sizing: border-box }\n"
    "body { font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; padding: clamp(.8em, 3vw, 2em); max-width: 90em;\n"
    "  background: var(--page); color: var(--text); overflow-wrap: anywhere }\n"
    "h1 { font-size: 1.5em; margin: 0 0 .2em } p { margin: 0 0 1.5em; color: var(--dim) }\n"
    "main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(15em, 100%%), 1fr)); gap: 1.2em }\n"
    "figure { margin: 0; min-width: 0; background: var(--card); border: 1px solid var(--edge); border-radius: .5em;\n"
    "  overflow: hidden }\n"
    "img, .none { display: block; width: 100%%; height: 14em; object-fit: contain; background: #e9e9e6 }\n"
    ".none { padding: 6em 1em 0; text-align: center; color: #63635e }\n"
    "figcaption { padding: .8em 1em 1em } dl, dd { margin: 0 } dd + dt { margin-top: .6em }\n"
    "dt { font-size: .75em; letter-spacing: .03em; color: var(--dim) } dd + dd { margin-top: .2em }\n"
    ".generated { font-weight: 600 }\n"
    ".name { margin-top: .8em; font: .75em/1.4 ui-monospace, monospace; color: var(--dim); display: -webkit-box;\n"
    "  -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden }\n"
    "</style>\n<h1>%s</h1>\n<p>Each picture with the caption that the model generated and those of the dataset.</p>\n"
    "<main>\n";

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

// A picture of an unknown type is not shown, but its captions are.
static void add_picture(struct buffer *text, struct span picture) {
    const char *type = picture.size ? media_type(picture) : NULL;
    if (!type) {
        buffer_text(text, "<div class=\"none\">no picture</div>");
        return;
    }
    buffer_text(text, "<img alt=\"\" loading=\"lazy\" src=\"");
    text_data_uri(text, type, picture.bytes, picture.size);
    buffer_text(text, "\">");
}

// dir=auto: a text that is written from right to left stands so, and does not turn what is around it.
static void add_line(struct buffer *text, const char *opening, const char *line) {
    buffer_format(text, "%s dir=\"auto\">", opening);
    text_html(text, line, strlen(line));
}

void page_add(struct page *page, const struct truth *truth, const char *caption) {
    struct buffer text = {0}, title = {0};
    text_html(&title, truth->name, strlen(truth->name));
    buffer_text(&text, "<figure>");
    add_picture(&text, truth->record.image);
    add_line(&text, "\n<figcaption><dl><dt>generated</dt><dd class=\"generated\"", *caption ? caption : "(empty)");
    buffer_text(&text, "</dd><dt>of the dataset</dt><dd dir=\"auto\">");
    truth_texts(truth, &text, "</dd><dd dir=\"auto\">", text_html);
    buffer_format(&text, "</dd></dl><div class=\"name\" dir=\"auto\" title=\"%s\">%s</div></figcaption></figure>\n",
                  title.bytes, title.bytes);
    fwrite(text.bytes, 1, text.size, page->aside.file);
    buffer_release(&text);
    buffer_release(&title);
}

int page_close(struct page *page) {
    fputs("</main>\n</html>\n", page->aside.file);
    return aside_commit(&page->aside);
}

void page_abandon(struct page *page) {
    aside_abandon(&page->aside);
}
