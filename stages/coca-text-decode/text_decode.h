// What the files of coca-text-decode share.
#pragma once

#include "model/generate/generate.h"
#include "model/towers/towers.h"
#include "run/decoding_options.h"
#include "stage/progress.h"
#include "text/tokenizer.h"
#include "train/slots.h"
#include "train/stateful.h"

struct text_decode_options {
    bool embed, generate;
};

// What the passes over microbatches keep.
struct passes {
    struct text_tower *tower;
    int sets;
    struct message **tokens; // [M] of the step
    void **state_gradient;   // [M] with one set: from the multimodal to the unimodal backward pass
    int held;                // with one set: whose activations are in it
    int64_t targets;         // of the step's own microbatches
    double scale;            // λ_cap / targets
    float *logits;           // [own microbatches · B,T-1,V] of a dumped step
    struct slots *slots;     // of d_features, or NULL
    struct slot_reader features;
};

// What generation keeps.
struct captioner {
    struct generator *generator;
    struct progress *progress;
    int64_t captions;
    struct slot_reader features;
};

enum { TEXT_PHASES = 3 };
struct text_decode {
    struct stateful base;
    struct text_decode_options said; // on the command line
    struct decoding_options decoding;
    struct channel embeddings, features_grad, captions, control;
    struct tokenizer *tokenizer; // NULL when tokens come from a recording and no vocabulary is known
    struct generate_options generate;
    struct phase phase[TEXT_PHASES];
    struct passes passes;       // all zero with --generate
    struct captioner captioner; // all zero without
};

// ---- passes.c: both halves over microbatches

// Adds those of tower and messages.
void passes_add_bytes(const struct text_decode *self, struct memory_bytes *bytes, int recompute, int64_t microbatch);
void passes_open(struct text_decode *self); // after the parameters are loaded
void passes_close(struct text_decode *self);
// Fills in the phases and what belongs to them; the edges are open.
void passes_describe(struct text_decode *self, struct follower *follower);

// ---- captions.c: --generate

// What the options say of captions; the tokenizer is open. 0 or -exit_code.
int captions_options(struct text_decode *self);
void captions_open(struct text_decode *self); // after the parameters are loaded
void captions_close(struct text_decode *self);
void captions_describe(struct text_decode *self, struct follower *follower); // as passes_describe
