// Pictures are inside as data: URIs, byte for byte as they came, so that one file can be sent to somebody, and
// browsers, which know EXIF, turn them upright. Everything that comes from data is escaped. Long names take three lines
// and are whole under the pointer.
#include "text/gallery.h"

#include <string.h>

#include "text/html_write.h"

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
    ".generated { font-weight: 600 } .score { font-weight: 400; color: var(--dim) }\n"
    ".name { margin-top: .8em; font: .75em/1.4 ui-monospace, monospace; color: var(--dim); display: -webkit-box;\n"
    "  -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden }\n"
    "</style>\n<h1>%s</h1>\n<p>%s</p>\n"
    "<main>\n";

int gallery_open(struct gallery *gallery, const char *path, const char *title, const char *about) {
    int status = aside_open(&gallery->aside, path);
    if (status) return status;
    struct buffer *text = &gallery->text;
    *text = (struct buffer){0};
    text_html(text, title, strlen(title));
    buffer_append(text, "", 1);
    const size_t second = text->size;
    text_html(text, about, strlen(about));
    fprintf(gallery->aside.file, head, text->bytes, text->bytes, text->bytes + second);
    return 0;
}

// A picture of an unknown type is not shown, but its texts are.
void gallery_begin(struct gallery *gallery, const char *media_type, struct span picture) {
    struct buffer *text = &gallery->text;
    buffer_clear(text);
    buffer_text(text, "<figure>");
    if (media_type && picture.size) {
        buffer_text(text, "<img alt=\"\" loading=\"lazy\" src=\"");
        text_data_uri(text, media_type, picture.bytes, picture.size);
        buffer_text(text, "\">");
    } else {
        buffer_text(text, "<div class=\"none\">no picture</div>");
    }
    buffer_text(text, "\n<figcaption><dl>");
}

void gallery_heading(struct gallery *gallery, const char *heading) {
    buffer_format(&gallery->text, "<dt>%s</dt>", heading);
}

// dir=auto: a text that is written from right to left stands so, and does not turn what is around it.
void gallery_line(struct gallery *gallery, bool is_generated, const char *line, size_t size, const char *score) {
    buffer_format(&gallery->text, "<dd%s dir=\"auto\">", is_generated ? " class=\"generated\"" : "");
    text_html(&gallery->text, line, size);
    if (score) buffer_format(&gallery->text, " <span class=\"score\">%s</span>", score);
    buffer_text(&gallery->text, "</dd>");
}

void gallery_end(struct gallery *gallery, const char *name) {
    struct buffer *text = &gallery->text, escaped = {0};
    text_html(&escaped, name, strlen(name));
    buffer_format(text, "</dl><div class=\"name\" dir=\"auto\" title=\"%s\">%s</div></figcaption></figure>\n",
                  escaped.bytes, escaped.bytes);
    fwrite(text->bytes, 1, text->size, gallery->aside.file);
    buffer_release(&escaped);
}

int gallery_close(struct gallery *gallery) {
    fputs("</main>\n</html>\n", gallery->aside.file);
    buffer_release(&gallery->text);
    return aside_commit(&gallery->aside);
}

void gallery_abandon(struct gallery *gallery) {
    buffer_release(&gallery->text);
    aside_abandon(&gallery->aside);
}
