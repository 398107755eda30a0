// What the files of coca-image-encode share.
#pragma once

#include "train/encoder.h"
#include "train/outputs.h"
#include "train/slots.h"

struct image_encode_options {
    bool with_embedding;
};

struct image_encode {
    struct stateful base;
    struct image_encode_options said; // on the command line
    struct channel images, features, features_grad, embeddings, embeddings_grad, states, states_grad;
    struct image_tower *tower;
    int pictures;          // P, of a sample: one after the other in the tower's batch of B·P
    bool for_head;         // a head reads the tokens: the tower has no poolers
    bool tunes;            // there is a backward pass
    int sets;              // activation sets of the tower
    struct message **kept; // [own microbatches] pictures for a second forward pass
    int kept_count;
    int held;         // microbatch whose activations are in the only set
    float *dumped;    // [own microbatches · B·P,N,D] features of a dumped step
    float *of_each;   // [B·P,E] embeddings of the pictures, where a sample has several
    struct outgoing { // of the pass that was launched
        struct message *features, *embeddings, *states; // NULL where the edge is left out
        void *feature_rows, *embedding_rows, *state_rows;
    } out;
    struct slots *slots; // of features or states, or NULL
    struct slot_reader gradient;
};

struct encoder image_encode_use(const struct image_encode *self);
struct shape image_encode_pixels_shape(const struct image_encode *self, int64_t B);
struct shape image_encode_features(const struct image_encode *self, int64_t B); // [B·P,N,D]
struct shape image_encode_states(const struct image_encode *self, int64_t B);   // [B·P·N,W]
// The pixels u8 [B,S,S,3], or [B,P,S,S,3], of a message. 0 or -exit_code.
int image_encode_pixels(const struct image_encode *self, const struct work *work, const struct message *images,
                        const void **pixels);
int image_encode_set(const struct image_encode *self, const struct work *work);

// ---- forward.c and backward.c: what the phases call

int image_encode_launch(void *context, const struct work *work, struct message *taken[PHASE_EDGES]);
void image_encode_fetch_next(void *context, const struct message *next);
int image_encode_forward(void *context, const struct work *work, struct message *taken[PHASE_EDGES]);
int image_encode_backward(void *context, const struct work *work, struct message *taken[PHASE_EDGES]);
