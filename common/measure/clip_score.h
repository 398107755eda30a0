// CLIPScore and RefCLIPScore of captions (Hessel et al., arXiv 2104.08718), by the embeddings of any two encoders.
#pragma once

#include <stdint.h>

struct clip_scores {
    double image;     // CLIPScore: 2.5·max(cos(caption, picture), 0), from 0 to 2.5
    double reference; // RefCLIPScore: its harmonic mean with the best max(cos(caption, reference), 0)
};
// Of one picture; all embeddings are f32 [E] of length 1, references f32 [R,E].
struct clip_scores clip_scores(const float *image, const float *caption, const float *references, int64_t R, int64_t E);
