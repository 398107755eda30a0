// A page of pictures with texts, in one HTML file that needs no other.
#pragma once

#include <stdbool.h>

#include "base/file.h"
#include "base/span.h"

struct gallery {
    struct aside aside;
    struct buffer text; // of the figure that is made
};
int gallery_open(struct gallery *gallery, const char *path, const char *title, const char *about); // 0 or -EXIT_RUN
int gallery_close(struct gallery *gallery);                                                        // 0 or -EXIT_RUN
void gallery_abandon(struct gallery *gallery);

// A figure: its picture (of no known media type: NULL), headings with lines under each, and its name.
void gallery_begin(struct gallery *gallery, const char *media_type, struct span picture);
void gallery_heading(struct gallery *gallery, const char *heading); // HTML
void gallery_line(struct gallery *gallery, bool is_generated, const char *line, size_t size,
                  const char *score); // or NULL
void gallery_end(struct gallery *gallery, const char *name);
