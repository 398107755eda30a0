// The sums that both encoders announce at their start. What each summand takes is said where it is allocated: part.c,
// model/towers, slots.c, the stages' messages.
#include "train/encoder.h"

#include "train/slots.h"

static const struct model_config *config_of(const struct encoder *encoder) {
    return &encoder->stage->part.config;
}

static enum dtype dtype_of(const struct encoder *encoder) {
    return encoder->stage->part.ops->dtype;
}

struct tower_plan encoder_plan(const struct encoder *encoder, int recompute, int64_t microbatch) {
    const bool learns = stateful_tunes(encoder->stage);
    return (struct tower_plan){
        .batch = (int)microbatch * encoder->pictures,
        .sets = learns && recompute == RECOMPUTE_NONE ? stateful_own(encoder->stage, microbatch) : 1,
        .train = learns,
        .states = encoder->states,
    };
}

// ---- shapes

struct shape encoder_features(const struct encoder *encoder, int64_t B) {
    const struct model_config *config = config_of(encoder);
    return SHAPE(B * encoder->pictures, config_feature_tokens(config), config->decoder.width);
}

struct shape encoder_pixels(const struct encoder *encoder, int64_t B) {
    const int64_t S = config_of(encoder)->vision.image_size;
    return encoder->pictures > 1 ? SHAPE(B, encoder->pictures, S, S, 3) : SHAPE(B, S, S, 3);
}

struct shape encoder_image_states(const struct encoder *encoder, int64_t B) {
    const struct model_config *config = config_of(encoder);
    return SHAPE(B * encoder->pictures * config_image_tokens(config), config->vision.width);
}

struct shape encoder_text_states(const struct encoder *encoder, int64_t B) {
    const struct model_config *config = config_of(encoder);
    return SHAPE(text_states_most(config, (int)B * encoder->pictures), config->decoder.width);
}

// ---- counts

int encoder_image_window(const struct stateful *stage) {
    return (int)(stage->run.options.window * stage->run.options.workers);
}

int encoder_text_window(const struct stateful *stage) {
    return (int)(stage->run.options.window * stage->run.options.tokenize_workers);
}

int encoder_served_slots(const struct stateful *stage) {
    const int consumers = run_replicas(&stage->run, text_row.threads);
    return ((int)stage->run.options.window + 1) * consumers + 1;
}

// ---- memory

static void add_slots(struct memory_bytes *bytes, const struct encoder *encoder, int64_t count, struct shape shape) {
    struct memory_bytes slots = slots_bytes(&encoder->stage->part, count, shape_bytes(shape, dtype_of(encoder)));
    bytes->device += slots.device;
    bytes->host += slots.host;
}

struct memory_bytes encoder_image_bytes(const struct encoder *encoder, int recompute, int64_t microbatch) {
    const struct stateful *stage = encoder->stage;
    const struct run_options *o = &stage->run.options;
    const struct tower_plan plan = encoder_plan(encoder, recompute, microbatch);
    const int64_t pixels = shape_count(encoder_pixels(encoder, microbatch)), own = stateful_own(stage, microbatch);
    const int64_t kept = plan.train && recompute == RECOMPUTE_MICROBATCH ? own : 0;
    const int64_t queued = stage->train ? own : o->features || o->states ? encoder_served_slots(stage) : 0;
    struct memory_bytes bytes = stateful_bytes(stage, microbatch);
    bytes.device += image_tower_bytes(config_of(encoder), stage->part.ops, plan);
    bytes.host += pixels * (kept + encoder_image_window(stage) + 1);
    add_slots(&bytes, encoder, queued,
              encoder->states ? encoder_image_states(encoder, microbatch) : encoder_features(encoder, microbatch));
    return bytes;
}

// What a head adds: its states, and the features that a second forward pass reads again.
static void add_states(struct memory_bytes *bytes, const struct encoder *encoder, int64_t own, int sets,
                       int64_t microbatch) {
    add_slots(bytes, encoder, own, encoder_text_states(encoder, microbatch));
    if (sets < own) bytes->host += own * shape_bytes(encoder_features(encoder, microbatch), dtype_of(encoder));
}

struct memory_bytes encoder_text_bytes(const struct encoder *encoder, int recompute, int64_t microbatch) {
    const struct stateful *stage = encoder->stage;
    const struct model_config *config = config_of(encoder);
    const struct tower_plan plan = encoder_plan(encoder, recompute, microbatch);
    const int64_t own = stateful_own(stage, microbatch), queued = stage->train ? own : 1;
    const int64_t tokens = microbatch * config->text.context_length * (int64_t)sizeof(int32_t);
    struct memory_bytes bytes = stateful_bytes(stage, microbatch);
    bytes.device += text_tower_bytes(config, stage->part.ops, plan);
    bytes.host += tokens * (own + encoder_text_window(stage) + 1);
    add_slots(&bytes, encoder, queued, encoder_features(encoder, microbatch));
    if (plan.train && plan.sets < own) bytes.host += own * text_state_bytes(config, dtype_of(encoder), plan.batch);
    if (encoder->states) add_states(&bytes, encoder, queued, plan.sets, microbatch);
    return bytes;
}
