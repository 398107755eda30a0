#include <inttypes.h>
#include <stdlib.h>

#include "base/hash.h"
#include "coca-text-decode/text_decode.h"
#include "run/run_model.h"
#include "run/run_options.h"
#include "stage/option_rows.h"
#include "stage/stage.h"
#include "train/edges.h"
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
    "is --num-beams 6 --num-beam-groups 3 --min-length 5 --max-length 30.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage, 3 bad input, 4 peer lost, 130 and 143 signals.\n"
    "\n"
    "Examples:\n"
    "  coca-text-decode --model coca_tiny --microbatch 32 --tokens file:tokens.rec --embeddings file:out.rec\n"
    "  coca-text-decode --generate --pretrained model --features file:features.rec --captions - | coca-tap watch -";

struct text_decode text_decode;

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

enum { CAPTIONS, RUN, TABLES };
static struct option_table tables[TABLES] = {
    [CAPTIONS] = {caption_rows, sizeof caption_rows / sizeof *caption_rows, &caption_options, NULL},
};

// ---- before sockets

static int ahead(void) {
    return (int)(run_options.window * run_options.tokenize_workers);
}

static struct memory_bytes need(void *context, int recompute, int64_t microbatch) {
    (void)context;
    const struct part *part = &text_decode.part;
    struct memory_bytes bytes = part_bytes(part, text_decode.train);
    if (caption_options.generate)
        bytes.device += generator_bytes(&part->config, part->ops->dtype, (int)microbatch, &text_decode.generate);
    else
        passes_add_bytes(&bytes, recompute, microbatch, ahead());
    return bytes;
}

static int open_tokenizer(void) {
    const struct text_config *text = &text_decode.part.config.text;
    char *path = run_tokenizer();
    int status = path ? tokenizer_open(&text_decode.tokenizer, path) : 0;
    if (!status && text_decode.tokenizer)
        status = tokenizer_check(text_decode.tokenizer,
                                 (struct tokenizer_ids){text->vocab_size, text->pad_id, text->bos_id, text->eos_id});
    if (!path && caption_options.generate)
        status = error(EXIT_USAGE, "--generate needs --tokenizer FILE: no vocabulary comes with the weights");
    free(path);
    return status;
}

static void say_share(void) {
    const struct text_config *text = &text_decode.part.config.text;
    char fingerprint[HASH_TEXT_SIZE] = "none";
    if (text_decode.tokenizer) hash_format(fingerprint, tokenizer_fingerprint(text_decode.tokenizer));
    note("%s family, text half: %" PRId64 " parameters; position t predicts token t+1 (shifted here, once); pad %d, "
         "bos %d, eos %d, padding is no target; CLS %s; tokenizer %s",
         config_family_name(&text_decode.part.config), part_count(&text_decode.part), text->pad_id, text->bos_id,
         text->eos_id, config_cls_words(text), fingerprint);
}

static int load(void) {
    int status = part_load(&text_decode.part, text_decode.train);
    if (!status && !caption_options.generate) passes_open();
    return status;
}

static int prepare(const struct strings *operands) {
    (void)operands;
    int status = part_open(&text_decode.part, &text_part, &tables[RUN]);
    if (status) return status;
    text_decode.train = run_trains() && !caption_options.generate;
    if (text_decode.train || run_options.control) status = run_options_check_batch();
    if (!status) status = open_tokenizer();
    if (!status && caption_options.generate) status = captions_options(&text_decode.generate);
    if (status) return status;
    say_share();
    status = memory_announce(text_decode.part.ops, need, NULL);
    return status ? status : load();
}

// ---- sockets

static int open_caption_edges(struct hub *hub) {
    const struct run_options *o = &run_options;
    const struct edge_row rows[] = {
        {&text_decode.features, true, {"features", o->features, EDGE_PULL, EDGE_IN, (int)o->window, NULL, 0}},
        {&text_decode.captions, true, {"captions", o->captions, EDGE_SERVE, EDGE_OUT, 0, NULL, 0}},
    };
    int status = edges_open(hub, rows, sizeof rows / sizeof *rows);
    if (!status && o->transport == TRANSPORT_SHARED)
        edge_opens_shared(text_decode.features, text_decode.part.ops->backend);
    return status;
}

static int open_edges(struct hub *hub) {
    const struct run_options *o = &run_options;
    bool conducted = o->control, caption = o->caption_weight > 0, contrastive = o->contrastive_weight > 0;
    bool train = conducted && text_decode.train;
    enum edge_manner to_loss = conducted ? EDGE_CONNECT : EDGE_SERVE;
    const struct edge_row rows[] = {
        {&text_decode.tokens, true, {"tokens", o->tokens, EDGE_PULL, EDGE_IN, (int)o->window, NULL, 0}},
        {&text_decode.features,
         conducted && caption,
         {"features", caption_options.embed ? NULL : o->features, EDGE_CONNECT, EDGE_IN, 0, NULL, 0}},
        {&text_decode.features_grad,
         train && caption,
         {"features-grad", o->features_grad, EDGE_CONNECT, EDGE_OUT, 0, NULL, 0}},
        {&text_decode.embeddings,
         conducted && contrastive,
         {"embeddings", o->embeddings, to_loss, EDGE_OUT, 0, NULL, 0}},
        {&text_decode.embeddings_grad,
         train && contrastive,
         {"embeddings-grad", o->embeddings_grad, EDGE_CONNECT, EDGE_IN, 0, NULL, 0}},
        {&text_decode.control, false, {"control", o->control, EDGE_CONNECT, EDGE_BOTH, 0, NULL, 0}},
    };
    return edges_open(hub, rows, sizeof rows / sizeof *rows);
}

static int run(struct hub *hub) {
    bool generate = caption_options.generate;
    int status = generate ? open_caption_edges(hub) : open_edges(hub);
    if (!status) stage_ready();
    if (!status) status = hub_meet(hub);
    if (!status) status = generate ? captions_run() : passes_run(hub, ahead());
    passes_close();
    free((void *)text_decode.generate.prompt);
    part_close(&text_decode.part);
    if (text_decode.tokenizer) tokenizer_close(&text_decode.tokenizer);
    return status;
}

int main(int argc, char **argv) {
    static const struct stage stage = {.name = "coca-text-decode",
                                       .role = ROLE_TEXT,
                                       .summary = "captions to embeddings, and with features to the caption loss, or "
                                                  "features to captions",
                                       .manual = manual,
                                       .tables = tables,
                                       .table_count = TABLES,
                                       .prepare = prepare,
                                       .run = run};
    tables[RUN] = run_options_table;
    return stage_main(&stage, argc, argv);
}
