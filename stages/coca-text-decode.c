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
    "  features         in   features f32|bf16 [B,N,D]\n"
    "  embeddings       out  embedding f32 [B,E], of length 1\n"
    "  features-grad    out  d_features, as features\n"
    "  embeddings-grad  in   d_embedding f32 [B,E]\n"
    "  captions         out  with --generate: tokens i32 [B,T], text B strings\n"
    "  control               the step protocol, when coca-loss conducts\n"
    "\n"
    "With --control it trains: the run directory says how. Without, it serves text embeddings to a consumer that\n"
    "asks for them on a socket, or goes through a recording of tokens to its end, writing what has an address and\n"
    "printing the caption loss when features are there, which --embed leaves out. With --generate it serves\n"
    "captions to a consumer that asks for them on a socket, or asks for features until their end and writes a\n"
    "recording of captions. Greedy captions and those of --num-beams are open_clip's, token for token: its default\n"
    "is --num-beams 6 --num-beam-groups 3 --min-length 5 --max-length 30. The text of a caption leaves special tokens\n"
    "out, SentencePiece's token for what its vocabulary lacks among them; its tokens are whole.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage, 3 bad input, 4 peer lost, 130 and 143 signals.\n"
    "\n"
    "Examples:\n"
    "  coca-text-decode --model coca_tiny --microbatch 32 --tokens file:tokens.rec --embeddings file:out.rec\n"
    "  coca-text-decode --generate --pretrained model --features file:features.rec --captions - | coca-tap watch -";

#define FIELD(member) offsetof(struct caption_options, member)
static const struct option caption_rows[] = {
    HEADING("Captions"),
    FLAG("embed", embed, "text embeddings alone: features are not read", OPTION_LOCAL),
    FLAG("generate", generate, "write captions for features", OPTION_LOCAL),
    FLAG("sample", sample, "draw each token (from --seed) instead of taking the likeliest", OPTION_LOCAL),
    REAL("temperature", temperature, "T", "1", 0.01, 100, "logits are divided by it before a draw", OPTION_LOCAL),
    INT("top-k", top_k, "K", "0", 0, 1e9, "draw from the K likeliest tokens; 0: from all", OPTION_LOCAL),
    REAL("top-p", top_p, "P", "1", 0.0001, 1, "draw from the likeliest tokens that hold P together", OPTION_LOCAL),
    INT("min-length", min_length, "TOKENS", "0", 0, 65536, "no EOS before so many tokens, BOS counted", OPTION_LOCAL),
    INT("max-length", max_length, "TOKENS", "0", 0, 65536,
        "longest caption, BOS and EOS counted; 0: as the model allows", OPTION_LOCAL),
    REAL("repetition-penalty", repetition_penalty, "FACTOR", "1", 0.01, 100,
         "logits of tokens that stand already are divided by it (below 0 multiplied); 1: none", OPTION_LOCAL),
    TEXT("prompt", prompt, "TEXT", NULL, "what every caption begins with", OPTION_LOCAL),
    INT("num-beams", num_beams, "BEAMS", "1", 1, 1024, "beam search over so many captions a picture; 1: none",
        OPTION_LOCAL),
    INT("num-beam-groups", num_beam_groups, "GROUPS", "1", 1, 1024, "the beams in groups that search apart",
        OPTION_LOCAL),
    REAL("diversity-penalty", diversity_penalty, "P", "0", 0, 1e6,
         "a token's logit loses it for each earlier group that chose the token in the same step; at 0 all groups find "
         "the same, as in open_clip, and one searches for all",
         OPTION_LOCAL),
};

// ---- before sockets

static struct memory_bytes need(void *context, int recompute, int64_t microbatch) {
    const struct text_decode *self = context;
    const struct part *part = &self->base.part;
    struct memory_bytes bytes = part_bytes(part, self->base.train);
    if (self->captions_said.generate)
        bytes.device += generator_bytes(&part->config, part->ops->dtype, (int)microbatch, &self->generate);
    else
        passes_add_bytes(self, &bytes, recompute, microbatch);
    return bytes;
}

static int open_tokenizer(struct text_decode *self) {
    const struct text_config *text = &self->base.part.config.text;
    char *path = run_tokenizer(&self->base.run);
    int status = path ? tokenizer_open(&self->tokenizer, path) : 0;
    if (!status && self->tokenizer)
        status = tokenizer_check(self->tokenizer,
                                 (struct tokenizer_ids){text->vocab_size, text->pad_id, text->bos_id, text->eos_id});
    if (!path && self->captions_said.generate)
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
    int status = part_load(&self->base.part, self->base.train);
    if (status) return status;
    if (self->captions_said.generate)
        captions_open(self);
    else
        passes_open(self);
    return 0;
}

static int prepare(void *context, const struct strings *operands) {
    struct text_decode *self = context;
    const bool generates = self->captions_said.generate;
    (void)operands;
    int status = stateful_prepare(&self->base, &text_row, !generates);
    if (!status) status = open_tokenizer(self);
    if (!status && generates) status = captions_options(self);
    if (status) return status;
    say_share(self);
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
    if (self->captions_said.generate)
        return stateful_open(&self->base, hub, generate_edges, sizeof generate_edges / sizeof *generate_edges);
    if (self->captions_said.embed)
        return stateful_open(&self->base, hub, embed_edges, sizeof embed_edges / sizeof *embed_edges);
    return stateful_open(&self->base, hub, text_row.edges, text_row.edge_count);
}

static int open_edges(struct text_decode *self, struct hub *hub) {
    int status = open_listed(self, hub);
    self->embeddings = edges_channel(&self->base.edges, "embeddings");
    self->features_grad = edges_channel(&self->base.edges, "features-grad");
    self->captions = edges_channel(&self->base.edges, "captions");
    self->control = edges_channel(&self->base.edges, "control");
    if (!status && self->captions_said.generate && self->base.run.options.transport == TRANSPORT_SHARED)
        edge_opens_shared(edges_channel(&self->base.edges, "features").edge, self->base.part.ops->backend);
    return status;
}

static int drive(struct text_decode *self) {
    struct follower follower = {.phase = self->phase, .context = self};
    if (self->captions_said.generate)
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
    part_close(&self->base.part);
    if (self->tokenizer) tokenizer_close(&self->tokenizer);
}

static int run(void *context, struct hub *hub) {
    struct text_decode *self = context;
    int status = open_edges(self, hub);
    return status ? status : drive(self);
}

int main(int argc, char **argv) {
    struct text_decode self = {.tokenizer = NULL};
    struct option_table captions = OPTION_TABLE(caption_rows, &self.captions_said);
    struct option_table *const tables[] = {&captions, &self.base.run.table, NULL};
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
