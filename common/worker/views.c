// Two kinds of worker must count the views of a record alike, so the options are theirs together.
#include "worker/views.h"

#include "stage/option_rows.h"

#define FIELD(member) offsetof(struct worker_views, member)
static const struct option rows[] = {
    HEADING("Views of each record in a pass"),
    INT("clips", clips, "N", "1", 1, 100, "frames of each of N equal parts of a video", OPTION_LOCAL),
    CHOICE("crops", crops, "1|3", "1",
           "times so many: the middle of the long side, or its beginning, middle and end, one behind the other",
           OPTION_LOCAL),
};

struct option_table worker_views_table(struct worker_views *views) {
    return OPTION_TABLE(rows, views);
}

int worker_views_crops(const struct worker_views *views) {
    return views->crops ? 3 : 1;
}

int worker_views_count(const struct worker_views *views) {
    return (int)views->clips * worker_views_crops(views);
}
