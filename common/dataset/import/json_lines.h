// Lists of JSON objects, one a line.
#pragma once

#include <jansson.h>

#include "dataset/import/draft.h"

// What a format makes of an object: `read` fills the draft, whose name is the line's, and `give` is rows_take or
// rows_give_now. A line that is no object is a defect of that line.
struct json_lines {
    void (*read)(struct importer *importer, struct draft *draft, const char *list, const json_t *object);
    int (*give)(struct draft *draft, struct importer *importer);
};
int json_lines_run(const struct json_lines *lines, struct importer *importer, const char *path); // as format.run

// The same for one object, however it came. Its keys are noted as seen.
int json_lines_give(const struct json_lines *lines, struct importer *importer, struct draft *draft, const char *list,
                    const json_t *object);
