// A page of pictures with their captions.
#pragma once

#include "text/gallery.h"
#include "truth.h"

int page_open(struct gallery *page, const char *path, const char *title); // 0 or -EXIT_RUN
void page_add(struct gallery *page, const struct truth *truth, const char *caption);
