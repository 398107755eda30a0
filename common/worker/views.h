// Views of each record in a pass, as consecutive samples with the record's id: so many clips, each in so many crops.
// Who shows them and who labels them take the same options.
#pragma once

#include <stdint.h>

#include "stage/option.h"

struct worker_views {
    int64_t clips;
    int crops; // which of the option's words; worker_views_crops
};
struct option_table worker_views_table(struct worker_views *views);
int worker_views_crops(const struct worker_views *views); // 1 or 3
int worker_views_count(const struct worker_views *views); // clips times crops
