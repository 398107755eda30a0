// coca-image-encode: pictures in, features and embeddings, or the states that a head reads, out, and their gradients
// back in. The manual page is below. The follower drives (train/follower.h), the towers compute (model/towers); this
// file has the stage's life and edges, coca-image-encode/forward.c and backward.c what is done with one microbatch.
#include <inttypes.h>
#include <stdlib.h>

#include "base/file.h"
#include "coca-image-encode/image_encode.h"
#include "optim/tuning.h"
#include "run/run_model.h"
#include "stage/option_rows.h"
#include "stage/stage.h"
#include "train/memory.h"

static const char manual[] =
    "The vision transformer with its attentional poolers: pictures in, features and an embedding out, and back.\n"
    "\n"
    "  images           in   pixels u8 [B,S,S,3] RGB, or [B,P,S,S,3] of P pictures a sample; ids i64 [B]\n"
    "  features         out  features f32|bf16 [BP,N,D]; with --with-embedding the embedding too, as of the next edge\n"
    "  embeddings       out  embedding f32 [B,E], of length 1; of several pictures the mean of theirs, so normalised\n"
    "  states           out  with --task recognition|video: states f32|bf16 [BPN,W], the tokens that a pooler reads\n"
    "                        (behind ln_post); start, count i32 [B], a sample's rows\n"
    "  features-grad    in   d_features, as features\n"
    "  embeddings-grad  in   d_embedding f32 [B,E]\n"
    "  states-grad      in   d_states, as states\n"
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

#define FIELD(member) offsetof(struct image_encode_options, member)
static const struct option rows[] = {
    HEADING("Use"),
    FLAG("with-embedding", with_embedding, "messages of features have the pictures' embeddings too", OPTION_LOCAL),
};

// ---- before sockets

struct encoder image_encode_use(const struct image_encode *self) {
    return (struct encoder){&self->base, self->pictures, self->for_head};
}

struct shape image_encode_features(const struct image_encode *self, int64_t B) {
    const struct encoder use = image_encode_use(self);
    return encoder_features(&use, B);
}

struct shape image_encode_states(const struct image_encode *self, int64_t B) {
    const struct encoder use = image_encode_use(self);
    return encoder_image_states(&use, B);
}

struct shape image_encode_pixels_shape(const struct image_encode *self, int64_t B) {
    const struct encoder use = image_encode_use(self);
    return encoder_pixels(&use, B);
}

int image_encode_pixels(const struct image_encode *self, const struct work *work, const struct message *images,
                        const void **pixels) {
    return input_tensor(work, images, TENSOR_PIXELS, DT_U8, image_encode_pixels_shape(self, images->unit.samples),
                        pixels);
}

int image_encode_set(const struct image_encode *self, const struct work *work) {
    return self->sets > 1 ? work->slot : 0;
}

// Bytes of what goes through slots, of one microbatch.
static int64_t slot_bytes(const struct image_encode *self, int64_t microbatch) {
    const struct shape shape =
        self->for_head ? image_encode_states(self, microbatch) : image_encode_features(self, microbatch);
    return shape_bytes(shape, self->base.part.ops->dtype);
}

static struct memory_bytes need(void *context, int recompute, int64_t microbatch) {
    const struct image_encode *self = context;
    const struct encoder use = image_encode_use(self);
    struct memory_bytes bytes = encoder_image_bytes(&use, recompute, microbatch);
    if (self->said.with_embedding)
        bytes.host +=
            encoder_served_slots(&self->base) * microbatch * self->base.part.config.embed_dim * (int64_t)sizeof(float);
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
    int status = stateful_load(&self->base);
    if (status) return status;
    const struct encoder use = image_encode_use(self);
    const struct tower_plan plan = encoder_plan(&use, o->recompute, o->microbatch);
    self->sets = plan.sets;
    self->tunes = plan.train && !tuning_locks_all(self->base.part.params);
    if (self->pictures > 1)
        self->of_each = xcalloc((size_t)(plan.batch * self->base.part.config.embed_dim), sizeof *self->of_each);
    self->tower = image_tower_new(&self->base.part.config, self->base.part.params, plan);
    self->kept_count = stateful_own(&self->base, o->microbatch);
    self->kept = xcalloc((size_t)self->kept_count, sizeof *self->kept);
    self->held = -1;
    return 0;
}

static int check_embedding(const struct image_encode *self) {
    const struct run_options *o = &self->base.run.options;
    if (!self->said.with_embedding || (o->features && !o->embeddings && !o->control)) return 0;
    return error(EXIT_USAGE, "--with-embedding is for --features that are served without --embeddings and --control");
}

static int know_pictures(struct image_encode *self) {
    const struct run *run = &self->base.run;
    const struct task *task = &tasks[run->options.task];
    self->for_head = run->options.task != TASK_NONE && !task->reads_text;
    self->pictures = run_pictures(run, &self->base.part.config);
    if (self->pictures == 1 || self->for_head || !self->base.train || run->options.contrastive_weight == 0) return 0;
    return error(EXIT_USAGE, "samples of %d pictures are not contrasted: give --coca-contrastive-loss-weight 0",
                 self->pictures);
}

static int prepare(void *context, const struct strings *operands) {
    struct image_encode *self = context;
    (void)operands;
    int status = stateful_prepare(&self->base, &image_row, true);
    if (!status) status = check_embedding(self);
    if (!status) status = know_pictures(self);
    if (status) return status;
    say_share(&self->base.part);
    status = memory_announce(&self->base.run, self->base.part.ops, need, self);
    return status ? status : load(self);
}

// ---- the follower

static int outputs(void *context, struct tensor *tensor) {
    const struct image_encode *self = context;
    const int64_t B = self->base.run.options.microbatch, own = stateful_own(&self->base, B) * B;
    if (!self->dumped) return 0;
    *tensor = (struct tensor){
        .name = "features", .dtype = DT_F32, .shape = image_encode_features(self, own), .data = self->dumped};
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
    self->states = edges_channel(&self->base.edges, "states");
    self->states_grad = edges_channel(&self->base.edges, "states-grad");
    if (!status && self->for_head && (self->features.edge || self->embeddings.edge))
        status = error(EXIT_USAGE, "--task %s leaves the poolers out: there are neither features nor embeddings",
                       tasks[self->base.run.options.task].name);
    return status;
}

static void open_slots(struct image_encode *self) {
    const struct channel *out = self->for_head ? &self->states : &self->features;
    const char *reader = self->for_head ? ROLE_HEAD : ROLE_TEXT;
    const size_t bytes = (size_t)slot_bytes(self, self->base.run.options.microbatch);
    self->slots = self->base.run.options.control
                      ? slots_new(&self->base.part, out, self->kept_count, bytes)
                      : slots_new_served(&self->base.part, out->edge, reader, encoder_served_slots(&self->base), bytes);
    self->gradient.ops = self->base.part.ops;
}

static int drive(struct image_encode *self) {
    const struct phase phases[] = {
        {.name = "forward",
         .take = {self->images},
         .pulls = true,
         .enabled = true,
         .launch = image_encode_launch,
         .ahead = self->base.part.ops->queued ? image_encode_fetch_next : NULL,
         .run = image_encode_forward},
        {.name = "backward",
         .take = {self->for_head ? self->states_grad : self->features_grad, self->embeddings_grad},
         .enabled = true,
         .backward = true,
         .gradients = "",
         .run = image_encode_backward},
    };
    struct follower follower = {.window = encoder_image_window(&self->base),
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
    free(self->of_each);
    slots_free(&self->slots);
    slot_reader_close(&self->gradient);
    image_tower_free(&self->tower);
    stateful_close(&self->base);
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
    struct option_table own = OPTION_TABLE(rows, &self.said);
    struct option_table *const tables[] = {&own, &self.base.run.table, NULL};
    const struct stage stage = {
        .name = "coca-image-encode",
        .role = ROLE_IMAGE,
        .summary = "pictures to features and embeddings, or to what a head reads, forward and backward",
        .manual = manual,
        .tables = tables,
        .context = &self,
        .prepare = prepare,
        .run = run,
        .close = release};
    stateful_init_run(&self.base.run, &image_row);
    return stage_main(&stage, argc, argv);
}
