// The options of a run: one table that every stage reads, each using its own; kept in run.json. train.sh hands all
// stages the same arguments.
#pragma once

#include "stage/option.h"

enum { PRECISION_FP32, PRECISION_BF16 };
enum { RECOMPUTE_NONE, RECOMPUTE_MICROBATCH };
enum { TRANSPORT_SHARED, TRANSPORT_FRAMES };

// Marks beside option.h's, for texts that name files: a PATH or PATH::PATH…, an edge's file:PATH.
enum { RUN_PATH = 16, RUN_ADDRESS = 32 };

struct run_options {
    // What
    char *model, *tokenizer, *pretrained;
    char *train_data, *train_data_weights, *prompts;
    char *val_data;
    int64_t seed;
    // How much
    int64_t batch_size, microbatch, steps, epochs;
    double seconds;
    // Where and how
    char *device, *threads;
    int precision, recompute, transport;
    double memory_gib;
    int64_t workers, tokenize_workers, window;
    // Views of pictures
    double crop_scale_low, crop_scale_high, flip;
    // Losses
    double caption_weight, contrastive_weight;
    int contrastive;
    // Optimizer
    int optimizer, schedule; // enum optimizer_kind, enum schedule_kind
    double lr, beta1, beta2, eps, weight_decay, warmup, clip_norm, ema_decay;
    bool adafactor_bf16_momentum;
    bool lock_image, lock_text;
    int64_t lock_image_unlocked_groups, lock_text_unlocked_layers;
    double layer_decay;
    int64_t max_skipped;
    double max_drop_rate;
    // Keeping
    int64_t save_frequency, keep, val_frequency;
    char *dump;
    int64_t dump_step, dump_limit;
    // Debugging
    int64_t first_step;
    bool evaluate;
    // Edges; an edge left out is skipped
    char *images, *tokens, *features, *features_grad, *embeddings, *embeddings_grad, *captions, *control;
};

extern struct run_options run_options;
extern struct option_table run_options_table;

// Fills what the command line left open from run.json of the current directory, if there is one.
// 0 or -EXIT_DATA.
int run_options_from_run(void);

// Makes every path absolute, from the current directory.
void run_options_absolute(void);

// Check what one row cannot: for every process; where G matters, that B divides it; where a run's length matters, that
// exactly one of steps, seconds and epochs is given. 0 or -EXIT_USAGE.
int run_options_check(void);
int run_options_check_batch(void);
int run_options_check_length(void);

// Whether this process computes gradients: under a conductor, unless it evaluates, or alone when gradients arrive.
bool run_trains(void);

int run_microbatches(void); // M = G / B, at least 1; after run_options_check
// The side's half of "IMAGE,TEXT", or the value for both. The caller frees the device; 0 threads are all cores.
char *run_device(bool image);
int run_threads(bool image);
