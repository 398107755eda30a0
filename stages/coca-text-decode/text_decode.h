// What the files of coca-text-decode share.
#pragma once

#include "model/generate/generate.h"
#include "run/decoding_options.h"
#include "stage/progress.h"
#include "text/tokenizer.h"
#include "train/encoder.h"
#include "train/slots.h"

struct text_decode_options {
    bool embed, generate, caption_embeddings;
};

// What the passes over microbatches keep.
struct passes {
    struct text_tower *tower;
    int sets;
    int repeats;             // rows of the tower for each caption: one for each picture that goes with it
    int32_t *repeated;       // [B·repeats,T], with several
    struct message **tokens; // [M] of the step
    void **state_gradient;   // [M] with one set: from the multimodal to the unimodal backward pass
    int held;                // with one set: whose activations are in it
    int64_t targets;         // of the step's own microbatches
    double scale;            // λ_cap / targets
    float *logits;           // [own microbatches · B,T-1,V] of a dumped step
    struct slots *slots;     // of d_features, or NULL
    struct slot_reader features;
    // For a head, states.c
    struct message **features_kept; // [M] with one set: for a second forward pass
    int64_t *state_rows;            // [M] of the states that went out
    struct slots *state_slots;      // or NULL
    struct slot_reader states_grad;
};

// What generation keeps.
struct captioner {
    struct generator *generator;
    int each;                 // captions of a picture, N
    int64_t *number;          // [B], the pictures', for draws
    struct buffer tail;       // of a caption that is looked at for --stop-at
    struct text_tower *tower; // of the captions' embeddings, or NULL
    int32_t *tokens;          // [B,T], with the tower
    struct progress *progress;
    int64_t captions;
    struct slot_reader features;
};

enum { TEXT_PHASES = 5 };
struct text_decode {
    struct stateful base;
    struct text_decode_options said; // on the command line
    struct decoding_options decoding;
    struct channel embeddings, features_grad, captions, states, control;
    struct tokenizer *tokenizer; // NULL when tokens come from a recording and no vocabulary is known
    struct generate_options generate;
    bool for_head; // a head reads the multimodal half's outputs
    struct phase phase[TEXT_PHASES];
    struct passes passes;       // all zero with --generate
    struct captioner captioner; // all zero without
};

// ---- passes.c: both halves over microbatches

void passes_open(struct text_decode *self); // after the parameters are loaded
void passes_close(struct text_decode *self);
// Fills in the phases and what belongs to them; the edges are open.
void passes_describe(struct text_decode *self, struct follower *follower);

// ---- pieces.c: of a pass

struct encoder text_decode_use(const struct text_decode *self);
int passes_set(const struct text_decode *self, const struct work *work);
// The features of the microbatch whose captions came before. 0 or -exit_code.
int passes_features(struct text_decode *self, const struct work *work, const struct message *message,
                    const void **features);
int passes_forward(struct text_decode *self, const struct work *work, float *embedding); // the unimodal half
bool passes_lost(const struct text_decode *self, const struct work *work); // other activations are in the set
int passes_scale(void *context, const struct work *work);                  // begins the caption loss
struct shape passes_features_shape(const struct text_decode *self, int64_t B);
void passes_save_state_gradient(struct text_decode *self, const struct work *work);

// ---- states.c: with --task, the multimodal half for a head

int states_forward(void *context, const struct work *work, struct message *taken[PHASE_EDGES]);
int states_backward(void *context, const struct work *work, struct message *taken[PHASE_EDGES]);
void states_open(struct text_decode *self); // the edges are open
void states_close(struct text_decode *self);

// ---- caption_text.c: the text of a caption

// generate_options.stops of --stop-at; the context is a struct text_decode.
bool caption_stops(void *context, const int32_t *token, int length);
// Replaces `text` by that of a caption's tokens [T].
void caption_text(const struct text_decode *self, const int32_t *token, struct buffer *text);

// ---- caption_embeddings.c: of texts, as --embed has them of coca-tokenize's tokens

int64_t caption_embeddings_bytes(const struct text_decode *self, int64_t microbatch); // of the backend
void caption_embeddings_open(struct text_decode *self);
void caption_embeddings_close(struct text_decode *self);
// f32 [texts,E]; of a text without words zeros. 0 or -exit_code.
int caption_embeddings_make(struct text_decode *self, const struct strings *texts, float *embedding);

// ---- captions.c: --generate

// What the options say of captions; the tokenizer is open. 0 or -exit_code.
int captions_options(struct text_decode *self);
int64_t captions_bytes(const struct text_decode *self, int64_t microbatch); // of the backend
void captions_open(struct text_decode *self);                               // after the parameters are loaded
void captions_close(struct text_decode *self);
void captions_describe(struct text_decode *self, struct follower *follower); // as passes_describe
