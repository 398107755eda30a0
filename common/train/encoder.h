// What an encoder works with in a step, from its run alone: shapes of what comes and goes, and memory. The stages
// announce and allocate by it; coca-loss --plan adds it up for runs that do not exist yet.
#pragma once

#include "model/towers/towers.h"
#include "train/stateful.h"

struct encoder {
    const struct stateful *stage;
    int pictures; // P, of a sample: rows of the tower for each
    bool states;  // a head reads what the tower computes
};

struct tower_plan encoder_plan(const struct encoder *encoder, int recompute, int64_t microbatch);

// Of B samples. Features [BP,N,D] are the same on both sides; pixels [B,S,S,3] or [B,P,S,S,3].
struct shape encoder_features(const struct encoder *encoder, int64_t B);
struct shape encoder_pixels(const struct encoder *encoder, int64_t B);
struct shape encoder_image_states(const struct encoder *encoder, int64_t B); // [BPN,W]
struct shape encoder_text_states(const struct encoder *encoder, int64_t B);  // [R,D], R the most there can be

// Microbatches that are asked for ahead, of all workers together.
int encoder_image_window(const struct stateful *stage);
int encoder_text_window(const struct stateful *stage);
// Slots of what consumers ask for: the microbatches that each asks ahead and the one that it reads, and the one that is
// made.
int encoder_served_slots(const struct stateful *stage);

// What the stage announces: part, tower, messages. Of the text side training, embedding or evaluation, not --generate.
struct memory_bytes encoder_image_bytes(const struct encoder *encoder, int recompute, int64_t microbatch);
struct memory_bytes encoder_text_bytes(const struct encoder *encoder, int recompute, int64_t microbatch);
