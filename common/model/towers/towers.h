// The two halves of a CoCa model as a stage drives them: host memory in, host memory out, one microbatch a call.
//
// A tower keeps the activations of `sets` microbatches: as many as a step has microbatches, or one, to be filled again
// by a second forward pass before each backward pass (--recompute microbatch). Gradients accumulate into
// params->gradient in the order of the backward calls. Features travel in the compute type, embeddings in f32. Letters:
// B pictures or captions (at most the tower's `batch`), S image size, N feature rows, D decoder width, E embedding
// width, T context length, V vocabulary.
#pragma once

#include "model/params/params.h"

struct image_tower;
struct text_tower;

struct tower_plan {
    int batch; // B, the largest microbatch
    int sets;  // activation sets kept
    bool train;
    bool states; // a head reads what the tower computes; see image_tower_states and text_tower_states
};

// Bytes of backend memory that a tower takes beside the parameters.
int64_t image_tower_bytes(const struct model_config *config, const struct ops *ops, struct tower_plan plan);
int64_t text_tower_bytes(const struct model_config *config, const struct ops *ops, struct tower_plan plan);

struct image_tower *image_tower_new(const struct model_config *config, struct params *params, struct tower_plan plan);
void image_tower_free(struct image_tower **tower);

// pixels u8 [B,S,S,3] → features [B,N,D] and embedding f32 [B,E]; either may be NULL, meaning not wanted here.
void image_tower_forward(struct image_tower *tower, int set, int B, const uint8_t *pixels, void *features,
                         float *embedding);
// The same in two calls, between which a device computes. What the second one wants the first one says.
void image_tower_begin(struct image_tower *tower, int set, int B, const uint8_t *pixels, bool features, bool embedding);
void image_tower_results(struct image_tower *tower, int set, void *features, float *embedding);
// Between them, where `pixels` of the next forward pass are known: they travel to the device meanwhile. They stay as
// they are until that pass begins.
void image_tower_fetch(struct image_tower *tower, int B, const uint8_t *pixels);
// d_features as features, d_embedding f32 [B,E] (of the normalised vector); either may be NULL, meaning zero.
void image_tower_backward(struct image_tower *tower, int set, const void *d_features, const float *d_embedding);

// With plan.states: the tower ends with its tokens, as the first pooler would read them (behind ln_post, but where that
// stands behind the one pooler); no poolers, no features, no embedding. Behind image_tower_begin(…, false, false), in
// the place of image_tower_results: states [B·N,W] of the compute type, N = config_image_tokens. And back.
void image_tower_states(struct image_tower *tower, int set, void *states);
void image_tower_states_backward(struct image_tower *tower, int set, const void *d_states);

struct text_tower *text_tower_new(const struct model_config *config, struct params *params, struct tower_plan plan);
void text_tower_free(struct text_tower **tower);

// The number of caption targets in tokens i32 [B,T]: positions whose next token is not padding.
int64_t text_targets(const struct model_config *config, const int32_t *tokens, int B);

// The unimodal half: tokens i32 [B,T] → embedding f32 [B,E], which may be NULL. Tokens outside the vocabulary, or a row
// that is not BOS … EOS PAD … (with EOS once and padding behind it alone, unless the family has pad_inside) are
// -EXIT_DATA, reported with the row.
int text_tower_forward(struct text_tower *tower, int set, int B, const int32_t *tokens, float *embedding);

struct caption_result {
    double nll; // Σ −log p over valid targets
    int64_t targets;
};
// The multimodal half on the set's token states: caption loss and, unless d_features is NULL, its backward pass with
// the loss weighted by `scale` (λ_cap / valid targets of the global batch), leaving the gradient of the token states in
// the set. logits, unless NULL, receives f32 [B,T-1,V], zeros where the target is padding. With batch order and ragged
// rows as the forward call.
struct caption_result text_tower_caption(struct text_tower *tower, int set, const void *features, double scale,
                                         void *d_features, float *logits);
// With plan.states: the multimodal half's outputs, behind its ln_final, for a head. They are ragged: caption b of the
// set has rows start[b] … start[b] + count[b], those of all tokens but EOS. The multimodal activations stay in the set
// until text_tower_states_backward.
struct text_states {
    int64_t rows; // R, at most text_states_most
    int B;
    const int32_t *start, *count; // [B], of the host, until the set's next forward pass
};
int64_t text_states_most(const struct model_config *config, int batch);
struct text_states text_tower_state_groups(const struct text_tower *tower, int set); // once its captions are there
// features → states [R,D] of the compute type, in host memory; NULL: not wanted here.
struct text_states text_tower_states(struct text_tower *tower, int set, const void *features, void *states);
// d_states [R,D], NULL: zero. With a `scale` above 0 the caption loss of the same rows beside it, as text_tower_caption
// has it. → d_features (NULL: not wanted), leaving the gradient of the token states in the set. Without training the
// caption loss alone.
struct caption_result text_tower_states_backward(struct text_tower *tower, int set, const void *d_states, double scale,
                                                 void *d_features);
// The unimodal half backwards: d_embedding f32 [B,E] or NULL, and the token states' gradient that text_tower_caption
// left in the set, if it ran since.
void text_tower_backward(struct text_tower *tower, int set, const float *d_embedding);

// With one set and M microbatches: the token states' gradient of a microbatch, kept by the stage between the
// multimodal and the unimodal backward pass. Elements of the compute type, at most text_state_bytes of them.
int64_t text_state_bytes(const struct model_config *config, enum dtype dtype, int batch);
void text_tower_save_state_gradient(struct text_tower *tower, int set, void *host);
void text_tower_load_state_gradient(struct text_tower *tower, int set, const void *host);
