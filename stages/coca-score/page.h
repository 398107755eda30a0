// A page of pictures with their captions, in one HTML file that needs no other.
#pragma once

#include "base/file.h"
#include "truth.h"

struct page {
    struct aside aside;
};
int page_open(struct page *page, const char *path, const char *title); // 0 or -EXIT_RUN
void page_add(struct page *page, const struct truth *truth, const char *caption);
int page_close(struct page *page); // 0 or -EXIT_RUN
void page_abandon(struct page *page);
