// coca-text-decode: both halves of the text decoder. The manual page is below. This file has its options, edges and
// life; the passes of training are coca-text-decode/passes.c, captions coca-text-decode/captions.c.
#include <inttypes.h>
#include <stdlib.h>

#include "base/hash.h"
#include "coca-text-decode/text_decode.h"
#include "run/run_model.h"
#include "stage/option_rows.h"
#include "stage/stage.h"
#include "train/memory.h"

static const char manual[] =
    "Both halves of the text decoder: captions to embeddings, with features to the caption loss, and back.\n"
    "\n"
    "  tokens           in   tokens i32 [B,T], ids i64 [B]\n"
    "  features         in   features f32|bf16 [BP,N,D], P pictures a sample\n"
    "  embeddings       out  embedding f32 [B,E], of length 1\n"
    "  features-grad    out  d_features, as features\n"
    "  embeddings-grad  in   d_embedding f32 [B,E]\n"
    "  states           out  with --task vqa|snli-ve|nlvr2: states f32|bf16 [R,D], the multimodal half's outputs over the\n"
    "                        text, behind its ln_final; start, count i32 [BP], each picture's rows\n"
    "  states-grad      in   d_states, as states\n"
    "  captions         out  with --generate: tokens i32 [BN,T], text BN strings, N of each picture in turn (--num-captions);\n"
    "                        with --caption-embeddings text_embedding f32 [BN,E], zeros of a text without words; of\n"
    "                        features with embedding f32 [B,E] that too\n"
    "  control               the step protocol, when coca-loss conducts\n"
    "\n"
    "With --control it trains: the run directory says how. Without, it serves text embeddings to a consumer that\n"
    "asks for them on a socket, or goes through a recording of tokens to its end, writing what has an address and\n"
    "printing the caption loss when features are there, which --embed leaves out. With --generate it serves\n"
    "captions to a consumer that asks for them on a socket, or asks for features until their end and writes a\n"
    "recording of captions. Greedy captions and those of --num-beams are open_clip's, token for token: its default\n"
    "is --num-beams 6 --num-beam-groups 3 --min-length 5 --max-length 30. The text of a caption leaves special tokens\n"
    "out, SentencePiece's token for what its vocabulary lacks among them; its tokens are whole. A draw depends on --seed,\n"
    "the picture's name (without names its id), the number of its caption and the place in it, and on nothing else.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage, 3 bad input, 4 peer lost, 130 and 143 signals.\n"
    "\n"
    "Examples:\n"
    "  coca-text-decode --model coca_tiny --microbatch 32 --tokens file:tokens.rec --embeddings file:out.rec\n"
    "  coca-text-decode --generate --pretrained model --features file:features.rec --captions - | coca-tap watch -";

#define FIELD(member) offsetof(struct text_decode_options, member)
static const struct option rows[] = {
    HEADING("Use"),
    FLAG("embed", embed, "text embeddings alone: features are not read", OPTION_LOCAL),
    FLAG("generate", generate, "write captions for features", OPTION_LOCAL),
    FLAG("caption-embeddings", caption_embeddings,
         "with --generate: the embedding of each caption's text beside it, as --embed makes it", OPTION_LOCAL),
};

// ---- before sockets

static struct memory_bytes need(void *context, int recompute, int64_t microbatch) {
    const struct text_decode *self = context;
    const struct encoder use = text_decode_use(self);
    if (!self->said.generate) return encoder_text_bytes(&use, recompute, microbatch);
    struct memory_bytes bytes = stateful_bytes(&self->base, microbatch);
    bytes.device += captions_bytes(self, microbatch);
    return bytes;
}

static int open_tokenizer(struct text_decode *self) {
    const struct text_config *text = &self->base.part.config.text;
    char *path = run_tokenizer(&self->base.run);
    int status = path ? tokenizer_open(&self->tokenizer, path) : 0;
    if (!status && self->tokenizer)
        status = tokenizer_check(self->tokenizer,
                                 (struct tokenizer_ids){text->vocab_size, text->pad_id, text->bos_id, text->eos_id});
    if (!path && self->said.generate)
        status = error(EXIT_USAGE, "--generate needs --tokenizer FILE: no vocabulary comes with the weights");
    free(path);
    return status;
}

static void say_share(const struct text_decode *self) {
    const struct text_config *text = &self->base.part.config.text;
    char fingerprint[HASH_TEXT_SIZE] = "none";
    if (self->tokenizer) hash_format(fingerprint, tokenizer_fingerprint(self->tokenizer));
    note("%s family, text half: %" PRId64 " parameters; position t predicts token t+1 (shifted here, once); pad %d, "
         "bos %d, eos %d, padding is no target; CLS %s; tokenizer %s",
         config_family_name(&self->base.part.config), part_count(&self->base.part), text->pad_id, text->bos_id,
         text->eos_id, config_cls_words(text), fingerprint);
}

static int load(struct text_decode *self) {
    int status = stateful_load(&self->base);
    if (status) return status;
    if (self->said.generate)
        captions_open(self);
    else
        passes_open(self);
    return 0;
}

static int prepare(void *context, const struct strings *operands) {
    struct text_decode *self = context;
    const bool generates = self->said.generate;
    (void)operands;
    int status = stateful_prepare(&self->base, &text_row, !generates);
    self->for_head = tasks[self->base.run.options.task].reads_text && !generates && !self->said.embed;
    self->passes.repeats = self->for_head ? run_pictures(&self->base.run, &self->base.part.config) : 1;
    if (!status) status = open_tokenizer(self);
    if (!status && generates) status = captions_options(self);
    if (status) return status;
    say_share(self);
    if (self->said.caption_embeddings && !generates) return error(EXIT_USAGE, "--caption-embeddings is for --generate");
    status = memory_announce(&self->base.run, self->base.part.ops, need, self);
    return status ? status : load(self);
}

// ---- sockets

// With --generate features are pulled, and with --embed not read: then a consumer asks, and nobody conducts.
static const struct stage_edge generate_edges[] = {
    {"features", EDGE_PULL, EDGE_IN, NULL, false},
    {"captions", EDGE_SERVE, EDGE_OUT, NULL, false},
};
static const struct stage_edge embed_edges[] = {
    {"tokens", EDGE_PULL, EDGE_IN, NULL, false},
    {"embeddings", EDGE_CONNECT, EDGE_OUT, NULL, false},
};

static int open_listed(struct text_decode *self, struct hub *hub) {
    if (self->said.generate)
        return stateful_open(&self->base, hub, generate_edges, sizeof generate_edges / sizeof *generate_edges);
    if (self->said.embed) return stateful_open(&self->base, hub, embed_edges, sizeof embed_edges / sizeof *embed_edges);
    return stateful_open(&self->base, hub, text_row.edges, text_row.edge_count);
}

static int open_edges(struct text_decode *self, struct hub *hub) {
    int status = open_listed(self, hub);
    self->embeddings = edges_channel(&self->base.edges, "embeddings");
    self->features_grad = edges_channel(&self->base.edges, "features-grad");
    self->captions = edges_channel(&self->base.edges, "captions");
    self->states = edges_channel(&self->base.edges, "states");
    self->control = edges_channel(&self->base.edges, "control");
    if (!status && self->said.generate && self->base.run.options.transport == TRANSPORT_SHARED)
        edge_opens_shared(edges_channel(&self->base.edges, "features").edge, self->base.part.ops->backend);
    return status;
}

static int drive(struct text_decode *self) {
    struct follower follower = {.phase = self->phase, .context = self};
    if (self->said.generate)
        captions_describe(self, &follower);
    else
        passes_describe(self, &follower);
    return stateful_drive(&self->base, &follower);
}

static void release(void *context) {
    struct text_decode *self = context;
    passes_close(self);
    captions_close(self);
    free((void *)self->generate.prompt);
    stateful_close(&self->base);
    if (self->tokenizer) tokenizer_close(&self->tokenizer);
}

static int run(void *context, struct hub *hub) {
    struct text_decode *self = context;
    int status = open_edges(self, hub);
    return status ? status : drive(self);
}

int main(int argc, char **argv) {
    struct text_decode self = {.tokenizer = NULL};
    struct option_table own = OPTION_TABLE(rows, &self.said), decoding = decoding_options_table(&self.decoding);
    struct option_table *const tables[] = {&own, &decoding, &self.base.run.table, NULL};
    const struct stage stage = {.name = "coca-text-decode",
                                .role = ROLE_TEXT,
                                .summary = "captions to embeddings, and with features to the caption loss, or "
                                           "features to captions",
                                .manual = manual,
                                .tables = tables,
                                .context = &self,
                                .prepare = prepare,
                                .run = run,
                                .close = release};
    stateful_init_run(&self.base.run, &text_row);
    return stage_main(&stage, argc, argv);
}
