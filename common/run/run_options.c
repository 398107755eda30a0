#include "run/run_options.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "stage/option_rows.h"

struct run_options run_options;

#define FIELD(member) offsetof(struct run_options, member)
static const struct option table[] = {
    HEADING("Model and data"),
    TEXT("model", model, "NAME|FILE", "coca_tiny", "preset of data/models, or a configuration in JSON", RUN_PATH),
    TEXT("tokenizer", tokenizer, "FILE", NULL,
         "vocabulary: a SentencePiece .model, or CLIP's as .txt.gz, vocab.json with merges.txt, or tokenizer.json",
         RUN_PATH),
    TEXT("pretrained", pretrained, "FILE|DIR", NULL,
         "weights to start from: a model folder, a checkpoint, a .safetensors", RUN_PATH),
    TEXT("train-data", train_data, "DIR[::DIR...]", NULL, "datasets", RUN_PATH),
    TEXT("train-data-weights", train_data_weights, "N[::N...]", NULL,
         "share of each dataset in every batch, whole numbers; all 1 when left out", OPTION_IDENTITY),
    TEXT("prompts", prompts, "FILE", NULL,
         "templates for pictures that have label names, one per line, the names at {}", RUN_PATH),
    TEXT("val-data", val_data, "DIR", NULL, "held-out pairs for --val-frequency", RUN_PATH),
    INT("seed", seed, "N", "0", 0, 9007199254740992.0, "of initial weights, order and augmentation", OPTION_IDENTITY),
    REAL("aug-scale-low", crop_scale_low, "SHARE", "0.9", 0.01, 1, "smallest area of a random crop", OPTION_IDENTITY),
    REAL("aug-scale-high", crop_scale_high, "SHARE", "1", 0.01, 1, "largest area of a random crop", OPTION_IDENTITY),
    REAL("aug-flip", flip, "PROBABILITY", "0", 0, 1, "of a left-right flip (texts in pictures would be mirrored)",
         OPTION_IDENTITY),
    HEADING("Length"),
    INT("batch-size", batch_size, "G", "128", 1, 1048576, "samples in a global batch", OPTION_IDENTITY),
    INT("microbatch", microbatch, "B", "0", 0, 65536, "samples in a microbatch; 0: the whole batch", 0),
    INT("steps", steps, "N", "0", 0, 1e12, "train for N steps", 0),
    REAL("seconds", seconds, "SECONDS", "0", 0, 1e9, "train for this time; schedules follow the clock", 0),
    INT("epochs", epochs, "N", "0", 0, 1e6, "train for N times the records of all datasets", 0),
    HEADING("Machine"),
    TEXT("device", device, "cpu|cuda:N", "cpu",
         "where the model runs; IMAGE,TEXT for each of the encoders (the loss goes with text)", 0),
    CHOICE("precision", precision, "fp32|bf16", "fp32", "of weights and activations in compute; masters are always f32",
           OPTION_IDENTITY),
    TEXT("threads", threads, "IMAGE,TEXT", NULL,
         "threads of image-encode and text-decode, or one number for both; all cores when left out", OPTION_IDENTITY),
    INT("workers", workers, "N", "2", 1, 1024, "decode workers", 0),
    INT("tokenize-workers", tokenize_workers, "N", "1", 1, 1024, "tokenize workers", 0),
    INT("window", window, "N", "2", 1, 1024, "requests with one worker at a time", 0),
    CHOICE("recompute", recompute, "none|microbatch", "none",
           "keep all activations of a step, or one microbatch's and run the forward pass twice", 0),
    CHOICE("transport", transport, "shared|frames", "shared",
           "how features travel between encoders of one host: in memory that both have open, the GPU's if both are on "
           "GPUs, or in messages",
           0),
    REAL("memory", memory_gib, "GIB", "0", 0, 1e6,
         "refuse to start when a stage needs more, of its GPU's memory if it has one; 0: no limit", 0),
    HEADING("Losses"),
    REAL("coca-caption-loss-weight", caption_weight, "WEIGHT", "2", 0, 1e6,
         "lambda_Cap; 0 leaves the multimodal half out", OPTION_IDENTITY),
    REAL("coca-contrastive-loss-weight", contrastive_weight, "WEIGHT", "1", 0, 1e6,
         "lambda_Con; 0 leaves the contrastive loss out", OPTION_IDENTITY),
    CHOICE("contrastive", contrastive, "mean|sum", "mean",
           "of the two directions: open_clip's convention, or the paper's equation", OPTION_IDENTITY),
    HEADING("Optimizer"),
    CHOICE("optimizer", optimizer, "adamw|adafactor", "adamw", "Adafactor as in big_vision", OPTION_IDENTITY),
    REAL("lr", lr, "RATE", "1e-3", 0, 1e3, "learning rate after warm-up", OPTION_IDENTITY),
    REAL("beta1", beta1, "BETA", "0.9", 0, 0.99999, "momentum", OPTION_IDENTITY),
    REAL("beta2", beta2, "BETA", "0.999", 0, 0.9999999, "of second moments; the cap of Adafactor's", OPTION_IDENTITY),
    REAL("eps", eps, "EPSILON", "1e-8", 0, 1, "of AdamW's denominator", OPTION_IDENTITY),
    REAL("wd", weight_decay, "DECAY", "0.01", 0, 10, "decoupled weight decay of matrices", OPTION_IDENTITY),
    REAL("warmup", warmup, "STEPS|SHARE", "0", 0, 1e9, "steps of linear warm-up; with --seconds a share of the time",
         OPTION_IDENTITY),
    CHOICE("lr-scheduler", schedule, "const|linear|cosine", "cosine", "after warm-up, down to 0 at the end",
           OPTION_IDENTITY),
    FLAG("lock-image", lock_image, "keep the image tower as it is, poolers included", OPTION_IDENTITY),
    INT("lock-image-unlocked-groups", lock_image_unlocked_groups, "N", "0", 0, 1024,
        "but train its last N groups: projection, last block, ..., embeddings", OPTION_IDENTITY),
    FLAG("lock-text", lock_text, "keep the unimodal text tower as it is; the decoder is trained", OPTION_IDENTITY),
    INT("lock-text-unlocked-layers", lock_text_unlocked_layers, "N", "0", 0, 1024,
        "but train its last N groups: projection, last block, ..., embeddings", OPTION_IDENTITY),
    REAL("layer-decay", layer_decay, "DECAY", "1", 1e-6, 1,
         "of the learning rate from each layer to the one below it; 1: none", OPTION_IDENTITY),
    REAL("grad-clip-norm", clip_norm, "NORM", "0", 0, 1e9,
         "global gradient norm above which gradients are scaled; 0: never", OPTION_IDENTITY),
    REAL("ema-decay", ema_decay, "DECAY", "0", 0, 0.9999999, "keep a moving average of the weights; 0: none",
         OPTION_IDENTITY),
    FLAG("adafactor-bf16-momentum", adafactor_bf16_momentum, "keep Adafactor's momentum in bf16", OPTION_IDENTITY),
    INT("max-skipped", max_skipped, "N", "10", 1, 1e9, "steps in a row that may be skipped as not finite", 0),
    REAL("max-drop-rate", max_drop_rate, "SHARE", "0.1", 0, 1, "of samples that may fail to decode before the run ends",
         0),
    HEADING("Keeping"),
    INT("save-frequency", save_frequency, "STEPS", "0", 0, 1e12, "between checkpoints; the last step always is one", 0),
    INT("keep", keep, "N", "2", 1, 1e9, "newest checkpoints kept", 0),
    INT("val-frequency", val_frequency, "STEPS", "0", 0, 1e12, "between evaluations of the newest checkpoint; 0: none",
        0),
    TEXT("dump", dump, "DIR", NULL, "write gradients and outputs of one step there", RUN_PATH),
    INT("dump-step", dump_step, "STEP", "0", 0, 1e12, "which step, from 0", 0),
    INT("dump-limit", dump_limit, "NUMBERS", "100000000", 0, 1e12, "largest logits tensor that is dumped", 0),
    HEADING("Debugging"),
    INT("first-step", first_step, "STEP", "0", 0, 1e12,
        "a stage whose edges are recordings begins there, and ends before --steps", OPTION_LOCAL),
    FLAG("evaluate", evaluate, "losses over held-out pairs: no gradients, no optimizer", OPTION_LOCAL),
    HEADING("Edges: ipc://PATH, tcp://HOST:PORT, file:PATH or - (stdin or stdout)"),
    TEXT("images", images, "ADDRESS", NULL, "decode to image-encode: pixels u8 [B,S,S,3]", OPTION_LOCAL | RUN_ADDRESS),
    TEXT("tokens", tokens, "ADDRESS", NULL, "tokenize to text-decode: tokens i32 [B,T]", OPTION_LOCAL | RUN_ADDRESS),
    TEXT("features", features, "ADDRESS", NULL, "image-encode to text-decode: features [B,N,D]",
         OPTION_LOCAL | RUN_ADDRESS),
    TEXT("features-grad", features_grad, "ADDRESS", NULL, "text-decode to image-encode: d_features [B,N,D]",
         OPTION_LOCAL | RUN_ADDRESS),
    TEXT("embeddings", embeddings, "ADDRESS", NULL, "both encoders to loss or score: embedding f32 [B,E]",
         OPTION_LOCAL | RUN_ADDRESS),
    TEXT("embeddings-grad", embeddings_grad, "ADDRESS", NULL, "loss to both: d_embedding f32 [B,E]",
         OPTION_LOCAL | RUN_ADDRESS),
    TEXT("captions", captions, "ADDRESS", NULL, "text-decode to score, file or stdout: tokens, text",
         OPTION_LOCAL | RUN_ADDRESS),
    TEXT("control", control, "ADDRESS", NULL, "stateful stages and loss: the step protocol",
         OPTION_LOCAL | RUN_ADDRESS),
};

struct option_table run_options_table = {table, (int)(sizeof table / sizeof *table), &run_options, NULL};

#define RUN_JSON_LIMIT (1 << 20)

int run_options_from_run(void) {
    if (!file_exists("run.json")) return 0;
    json_t *document = json_read("run.json", RUN_JSON_LIMIT);
    if (!document) return -EXIT_DATA;
    const json_t *options = json_object_get(document, "options");
    int status = options ? options_from_json(&run_options_table, options, "run.json: options")
                         : error(EXIT_DATA, "run.json: no \"options\"; is this a run directory?");
    json_decref(document);
    return status;
}

int run_options_check_batch(void) {
    struct run_options *o = &run_options;
    if (o->batch_size % o->microbatch)
        return error(EXIT_USAGE, "--batch-size %lld is no multiple of --microbatch %lld", (long long)o->batch_size,
                     (long long)o->microbatch);
    return 0;
}

int run_options_check_length(void) {
    int given = (run_options.steps > 0) + (run_options.seconds > 0) + (run_options.epochs > 0);
    if (given == 1) return 0;
    return error(EXIT_USAGE, "give one of --steps, --seconds and --epochs (%s)",
                 given ? "several were given" : "none was given");
}

bool run_trains(void) {
    const struct run_options *o = &run_options;
    return !o->evaluate && (o->control || o->features_grad || o->embeddings_grad);
}

int run_options_check(void) {
    struct run_options *o = &run_options;
    if (o->microbatch == 0) o->microbatch = o->batch_size;
    if (o->caption_weight == 0 && o->contrastive_weight == 0)
        return error(EXIT_USAGE, "both loss weights are 0: nothing to train");
    if (o->crop_scale_low > o->crop_scale_high) return error(EXIT_USAGE, "--aug-scale-low is above --aug-scale-high");
    if (o->seconds > 0 && o->warmup >= 1)
        return error(EXIT_USAGE, "with --seconds, --warmup is a share of the time: below 1, not %g", o->warmup);
    return 0;
}

int run_microbatches(void) {
    return run_options.batch_size > run_options.microbatch ? (int)(run_options.batch_size / run_options.microbatch) : 1;
}

// The side's half of "IMAGE,TEXT"; a value without a comma is for both. The caller frees.
static char *half_of(const char *pair, bool image) {
    const char *comma = strchr(pair, ',');
    if (!comma) return xstrdup(pair);
    return image ? xstrndup(pair, (size_t)(comma - pair)) : xstrdup(comma + 1);
}

char *run_device(bool image) {
    return half_of(run_options.device, image);
}

int run_threads(bool image) {
    if (!run_options.threads) return 0;
    char *threads = half_of(run_options.threads, image);
    int count = atoi(threads);
    free(threads);
    return count;
}
