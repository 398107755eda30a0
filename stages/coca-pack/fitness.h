// What makes a sample fit for a dataset, and what is done to its picture on the way. A video stays as it came.
#pragma once

#include "job.h"

struct fitness {
    bool verify;        // decode every picture, and videos to their end
    int64_t max_pixels; // pictures and videos that have more are left out undecoded; 0: the decoder's own limit
    int crop_border;    // pixels that are cut off each side first, which makes a PNG of the picture; 0: none
    int resize;         // pixels of a picture's short side, larger ones are shrunk; 0: as they came
    int quality;        // of JPEG for what is shrunk; 0: PNG
};

// Fills job->record, or job->drop; leaves out texts that are empty, hold NUL or are not UTF-8. `context` is a struct
// fitness. Runs in any thread.
void fit(struct job *job, const void *context);
