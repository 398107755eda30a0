// What a model sees of a sample: F pictures of S × S pixels, of a video, of several pictures or of one.
#pragma once

#include "dataset/sources.h"
#include "encoded.h"
#include "image/augment.h"
#include "image/video.h"

struct show {
    int count;  // F
    bool apart; // the pictures are so many of their own, as NLVR2's two; else frames of one scene
    int clips, crops;
    enum frame_sampling sampling;
    struct view_options view;
    struct augment_options augment; // the same for all pictures of a sample, as crop and flip are
    uint8_t *scratch;               // [3·S·S]
};

// pixels u8 [F,S,S,3]: view sample->view of the clips × crops, crops of a clip together. Of a video or several pictures
// F by the sampling, of a single one F times the same. 0, or -EXIT_DATA with the reason.
int show_sample(const struct show *show, uint8_t *pixels, const struct sample *sample, const struct encoded *encoded,
                char reason[IMAGE_REASON]);
