// A page of pairs of pictures side by side, in one HTML file that needs no other.
#pragma once

#include "base/file.h"
#include "base/span.h"

struct pairs_page {
    struct aside aside;
};
int pairs_page_open(struct pairs_page *page, const char *path, const char *title, const char *words); // 0 or -EXIT_RUN
// One of a pair: its encoded picture, shown small, and its name.
struct pairs_side {
    struct span picture, name;
};
void pairs_page_add(struct pairs_page *page, const char *how, const struct pairs_side side[2]);
int pairs_page_close(struct pairs_page *page); // 0 or -EXIT_RUN
void pairs_page_abandon(struct pairs_page *page);
