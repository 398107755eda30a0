// METEOR's own files.
#pragma once

#include "measure/meteor_data_make.h"

// Adds what the files in `folder` say, as they lie in METEOR's jar and beside it. 0 or -EXIT_DATA, which names file and
// line.
int meteor_source_read(struct meteor_made *made, const char *folder);
