// The page of `captions --html`.
#include "page.h"

#include <string.h>

#include "image/image.h"

int page_open(struct gallery *page, const char *path, const char *title) {
    return gallery_open(page, path, title,
                        "Each picture with the caption that the model generated and those of the dataset.");
}

void page_add(struct gallery *page, const struct truth *truth, const char *caption) {
    const struct span picture = truth->record.image;
    const char *shown = *caption ? caption : "(empty)";
    int count;
    const struct span *text = truth_texts(truth, &count);
    gallery_begin(page, image_media_type(picture.bytes, picture.size), picture);
    gallery_heading(page, "generated");
    gallery_line(page, true, shown, strlen(shown), NULL);
    gallery_heading(page, "of the dataset");
    for (int i = 0; i < count; i++) gallery_line(page, false, text[i].bytes, text[i].size, NULL);
    gallery_end(page, truth->name);
}
