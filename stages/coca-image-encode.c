// coca-image-encode: pictures in, features and embeddings out, and their gradients back in. The manual page is below.
// The follower drives (train/follower.h), the towers compute (model/towers); this file says what is done with one
// microbatch and keeps what lasts from its forward to its backward pass.
#include <inttypes.h>
#include <stdlib.h>

#include "base/file.h"
#include "model/towers/towers.h"
#include "optim/tuning.h"
#include "run/run.h"
#include "stage/stage.h"
#include "train/memory.h"
#include "train/outputs.h"
#include "train/slots.h"
#include "train/stateful.h"

static const char manual[] =
    "The vision transformer with its attentional poolers: pictures in, features and an embedding out, and back.\n"
    "\n"
    "  images           in   pixels u8 [B,S,S,3] RGB, ids i64 [B]\n"
    "  features         out  features f32|bf16 [B,N,D]\n"
    "  embeddings       out  embedding f32 [B,E], of length 1\n"
    "  features-grad    in   d_features, as features\n"
    "  embeddings-grad  in   d_embedding f32 [B,E]\n"
    "  control               the step protocol, when coca-loss conducts\n"
    "\n"
    "With --control it trains: the run directory says how. Without, it serves features or embeddings to a consumer\n"
    "that asks for them on a socket, or goes through a recording of pictures to its end, writing what has an\n"
    "address; with recorded gradients it runs backward too, by whole steps, and --dump writes what came out.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage, 3 bad input, 4 peer lost, 130 and 143 signals.\n"
    "\n"
    "Example:\n"
    "  coca-image-encode --model coca_tiny --microbatch 32 --images file:images.rec --embeddings file:out.rec";

struct image_encode {
    struct stateful base;
    struct channel images, features, features_grad, embeddings, embeddings_grad;
    struct image_tower *tower;
    int sets;              // activation sets of the tower
    struct message **kept; // [own microbatches] pictures for a second forward pass
    int kept_count;
    int held;                                  // microbatch whose activations are in the only set
    float *dumped;                             // [own microbatches · B,N,D] features of a dumped step
    struct outgoing {                          // of the pass that was launched
        struct message *features, *embeddings; // NULL where the edge is left out
        void *feature_rows, *embedding_rows;
    } out;
    struct slots *slots; // of features, or NULL
    struct slot_reader d_features;
};

// ---- before sockets

static int sets_for(const struct image_encode *self, int recompute, int64_t microbatch) {
    return self->base.train && recompute == RECOMPUTE_NONE ? stateful_own(&self->base, microbatch) : 1;
}

static int window(const struct image_encode *self) {
    return (int)(self->base.run.options.window * self->base.run.options.workers);
}

static struct shape features_shape(const struct image_encode *self, int64_t B) {
    const struct model_config *config = &self->base.part.config;
    return SHAPE(B, config_feature_tokens(config), config->decoder.width);
}

// Microbatches that a consumer asks for ahead, the one that it reads, and the one that is made.
static int served_slots(const struct image_encode *self) {
    return (int)self->base.run.options.window + 2;
}

static struct memory_bytes need(void *context, int recompute, int64_t microbatch) {
    const struct image_encode *self = context;
    const struct run_options *o = &self->base.run.options;
    const struct model_config *config = &self->base.part.config;
    struct tower_plan plan = {(int)microbatch, sets_for(self, recompute, microbatch), self->base.train, false};
    int64_t pixels = 3LL * config->vision.image_size * config->vision.image_size;
    int own = stateful_own(&self->base, microbatch);
    int64_t kept = self->base.train && recompute == RECOMPUTE_MICROBATCH ? own * microbatch : 0;
    int64_t queued = self->base.train ? own : o->features ? served_slots(self) : 0;
    struct memory_bytes bytes = part_bytes(&self->base.part, self->base.train);
    struct memory_bytes features = slots_bytes(
        &self->base.part, queued, shape_bytes(features_shape(self, microbatch), self->base.part.ops->dtype));
    bytes.device += image_tower_bytes(config, self->base.part.ops, plan) + features.device;
    bytes.host += pixels * (kept + (window(self) + 1) * microbatch) + features.host;
    return bytes;
}

static void say_share(const struct part *part) {
    const struct vision_config *vision = &part->config.vision;
    note("%s family, image half: %" PRId64 " parameters; pixels are (x/255 - mean)/std, mean %g %g %g, std %g %g %g",
         config_family_name(&part->config), part_count(part), vision->mean[0], vision->mean[1], vision->mean[2],
         vision->std[0], vision->std[1], vision->std[2]);
}

static int load(struct image_encode *self) {
    const struct run_options *o = &self->base.run.options;
    int status = part_load(&self->base.part, self->base.train);
    if (status) return status;
    self->sets = sets_for(self, o->recompute, o->microbatch);
    struct tower_plan plan = {(int)o->microbatch, self->sets, self->base.train, false};
    self->tower = image_tower_new(&self->base.part.config, self->base.part.params, plan);
    self->kept_count = stateful_own(&self->base, o->microbatch);
    self->kept = xcalloc((size_t)self->kept_count, sizeof *self->kept);
    self->held = -1;
    return 0;
}

static int prepare(void *context, const struct strings *operands) {
    struct image_encode *self = context;
    (void)operands;
    int status = stateful_prepare(&self->base, &image_row, true);
    if (status) return status;
    say_share(&self->base.part);
    status = memory_announce(&self->base.run, self->base.part.ops, need, self);
    return status ? status : load(self);
}

// ---- forward

static int take_pixels(const struct image_encode *self, const struct work *work, const struct message *images,
                       const void **pixels) {
    int64_t S = self->base.part.config.vision.image_size;
    return input_tensor(work, images, TENSOR_PIXELS, DT_U8, SHAPE(images->unit.samples, S, S, 3), pixels);
}

static int set_of(const struct image_encode *self, const struct work *work) {
    return self->sets > 1 ? work->slot : 0;
}

static void make_messages(struct image_encode *self, const struct work *work, const struct message *images) {
    struct outgoing *out = &self->out;
    int B = images->unit.samples;
    *out = (struct outgoing){.features = NULL};
    if (self->features.edge) {
        out->features = output_new(work, images);
        out->feature_rows = slots_add(work->dump ? NULL : self->slots, work->slot, out->features, TENSOR_FEATURES,
                                      self->base.part.ops->dtype, features_shape(self, B));
    }
    if (self->embeddings.edge) {
        out->embeddings = output_new(work, images);
        out->embedding_rows =
            message_add(out->embeddings, TENSOR_EMBEDDING, DT_F32, SHAPE(B, self->base.part.config.embed_dim));
    }
}

static int launch(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    struct image_encode *self = context;
    const void *pixels;
    int status = take_pixels(self, work, taken[0], &pixels);
    if (status) return status;
    make_messages(self, work, taken[0]);
    if (taken[0]->unit.samples)
        image_tower_begin(self->tower, set_of(self, work), taken[0]->unit.samples, pixels, self->out.feature_rows,
                          self->out.embedding_rows);
    return 0;
}

// The next pictures travel to the device while these are computed.
static void fetch_next(void *context, const struct message *next) {
    struct image_encode *self = context;
    const struct tensor *pixels = message_find(next, TENSOR_PIXELS);
    int64_t S = self->base.part.config.vision.image_size;
    if (!pixels || !pixels->data || next->unit.samples > self->base.run.options.microbatch) return;
    if (pixels->dtype == DT_U8 && shape_equal(pixels->shape, SHAPE(next->unit.samples, S, S, 3)))
        image_tower_fetch(self->tower, next->unit.samples, pixels->data);
}

static void dump_features(struct image_encode *self, const struct work *work, int64_t B) {
    int64_t row = shape_count(features_shape(self, 1));
    if (!self->dumped) self->dumped = xcalloc((size_t)(work->own * work->B * row), sizeof *self->dumped);
    dtype_convert(self->dumped + work->slot * work->B * row, DT_F32, self->out.feature_rows, self->base.part.ops->dtype,
                  (size_t)(B * row));
}

// Keeps the pictures when the activations will not last until the backward pass.
static void keep(struct image_encode *self, const struct work *work, struct message **images) {
    self->held = work->microbatch;
    if (!work->train || work->own <= self->sets) return;
    message_free(&self->kept[work->slot]); // a locked tower takes none back
    self->kept[work->slot] = *images;
    *images = NULL;
}

static int send(struct image_encode *self, const struct work *work) {
    struct outgoing *out = &self->out;
    int status = out->embeddings ? output_check_embedding(work, out->embeddings) : 0;
    if (out->embeddings && !status)
        status = channel_send(&self->embeddings, work->microbatch, work->microbatches, &out->embeddings);
    if (out->features && !status)
        status = channel_send(&self->features, work->microbatch, work->microbatches, &out->features);
    message_free(&out->features);
    message_free(&out->embeddings);
    return status;
}

static int forward(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    struct image_encode *self = context;
    int B = taken[0]->unit.samples;
    if (B) image_tower_results(self->tower, set_of(self, work), self->out.feature_rows, self->out.embedding_rows);
    if (work->dump && self->out.feature_rows) dump_features(self, work, B);
    keep(self, work, &taken[0]);
    return send(self, work);
}

// ---- backward

// Fills the set again when it does not hold this microbatch.
static int recompute(struct image_encode *self, const struct work *work) {
    struct message **images = &self->kept[work->slot];
    const void *pixels;
    if (!*images) return 0;
    int status = take_pixels(self, work, *images, &pixels);
    if (!status && self->held != work->microbatch)
        image_tower_forward(self->tower, 0, (*images)->unit.samples, pixels, NULL, NULL);
    self->held = work->microbatch;
    message_free(images);
    return status;
}

static int backward(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    struct image_encode *self = context;
    const void *d_features = NULL, *d_embedding = NULL;
    int64_t B = self->base.run.options.microbatch;
    int status = 0;
    if (taken[0])
        status = input_rows(work, taken[0], TENSOR_D_FEATURES, self->base.part.ops->dtype, features_shape(self, B),
                            &self->d_features, &d_features);
    if (taken[1] && !status)
        status = input_tensor(work, taken[1], TENSOR_D_EMBEDDING, DT_F32, SHAPE(B, self->base.part.config.embed_dim),
                              &d_embedding);
    if (tuning_locks_all(self->base.part.params)) return status;
    if (!status) status = recompute(self, work);
    if (!status) image_tower_backward(self->tower, set_of(self, work), d_features, d_embedding);
    return status;
}

static int outputs(void *context, struct tensor *tensor) {
    const struct image_encode *self = context;
    const int64_t B = self->base.run.options.microbatch, own = stateful_own(&self->base, B) * B;
    if (!self->dumped) return 0;
    *tensor =
        (struct tensor){.name = "features", .dtype = DT_F32, .shape = features_shape(self, own), .data = self->dumped};
    return 1;
}

// ---- sockets

static int open_edges(struct image_encode *self, struct hub *hub) {
    int status = stateful_open(&self->base, hub, image_row.edges, image_row.edge_count);
    self->images = edges_channel(&self->base.edges, "images");
    self->features = edges_channel(&self->base.edges, "features");
    self->features_grad = edges_channel(&self->base.edges, "features-grad");
    self->embeddings = edges_channel(&self->base.edges, "embeddings");
    self->embeddings_grad = edges_channel(&self->base.edges, "embeddings-grad");
    return status;
}

static void open_slots(struct image_encode *self) {
    size_t bytes =
        (size_t)shape_bytes(features_shape(self, self->base.run.options.microbatch), self->base.part.ops->dtype);
    self->slots = self->base.run.options.control
                      ? slots_new(&self->base.part, &self->features, self->kept_count, bytes)
                      : slots_new_served(&self->base.part, self->features.edge, ROLE_TEXT, served_slots(self), bytes);
    self->d_features.ops = self->base.part.ops;
}

static int drive(struct image_encode *self) {
    const struct phase phases[] = {
        {.name = "forward",
         .take = {self->images},
         .pulls = true,
         .enabled = true,
         .launch = launch,
         .ahead = self->base.part.ops->queued ? fetch_next : NULL,
         .run = forward},
        {.name = "backward",
         .take = {self->features_grad, self->embeddings_grad},
         .enabled = true,
         .backward = true,
         .run = backward},
    };
    struct follower follower = {.window = window(self),
                                .phase = phases,
                                .phases = sizeof phases / sizeof *phases,
                                .outputs = outputs,
                                .context = self};
    return stateful_drive(&self->base, &follower);
}

static void release(void *context) {
    struct image_encode *self = context;
    for (int i = 0; i < self->kept_count; i++) message_free(&self->kept[i]);
    free(self->kept);
    free(self->dumped);
    slots_free(&self->slots);
    slot_reader_close(&self->d_features);
    image_tower_free(&self->tower);
    part_close(&self->base.part);
}

static int run(void *context, struct hub *hub) {
    struct image_encode *self = context;
    int status = open_edges(self, hub);
    if (status) return status;
    open_slots(self);
    return drive(self);
}

int main(int argc, char **argv) {
    struct image_encode self = {.tower = NULL};
    struct option_table *const tables[] = {&self.base.run.table, NULL};
    const struct stage stage = {.name = "coca-image-encode",
                                .role = ROLE_IMAGE,
                                .summary = "pictures to features and embeddings, forward and backward",
                                .manual = manual,
                                .tables = tables,
                                .context = &self,
                                .prepare = prepare,
                                .run = run,
                                .close = release};
    stateful_init_run(&self.base.run, &image_row);
    return stage_main(&stage, argc, argv);
}
