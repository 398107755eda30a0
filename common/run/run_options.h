// The options of a run: one table that every stage reads, each using its own; kept in run.json. train.sh hands all
// stages the same arguments. A process has them in its struct run (run.h).
#pragma once

#include "stage/option.h"

enum { PRECISION_FP32, PRECISION_BF16 };
enum { WEIGHTS_OF_PRECISION, WEIGHTS_INT8 };
enum { RECOMPUTE_NONE, RECOMPUTE_MICROBATCH };
enum { TRANSPORT_SHARED, TRANSPORT_FRAMES };

// Marks beside option.h's, for texts that name files: a PATH or PATH::PATH…, an edge's file:PATH.
enum { RUN_PATH = 16, RUN_ADDRESS = 32 };

struct run_options {
    // What
    char *model, *tokenizer, *pretrained;
    int64_t image_size; // pixels; 0: the model's
    int resample;       // enum resample
    char *train_data, *train_data_weights, *prompts;
    char *val_data;
    int64_t seed;
    char *shuffle; // of the plan (dataset/plan.h)
    char *cache;   // of objects that hold the data (remote/object.h)
    double cache_gib, remote_timeout;
    int64_t remote_retries;
    // How much
    int64_t batch_size, microbatch, steps, epochs;
    double seconds, max_seconds;
    // Where and how
    char *device, *threads, *replicas;
    int gradient_sum; // enum gradient_sum (train/exchange.h)
    int precision, weights, recompute, transport;
    double memory_gib;
    int64_t workers, tokenize_workers, window;
    // Views of pictures
    bool blank_images;
    double crop_scale_low, crop_scale_high, flip;
    int64_t rand_augment_layers, rand_augment_magnitude;
    int64_t frames;
    int sampling; // enum frame_sampling (image/video.h)
    // A task's head
    int task; // enum task_kind
    char *head_labels;
    int64_t head_queries;
    int head_loss; // enum head_loss_kind
    double label_smoothing, encoder_lr;
    bool frozen;
    // Losses
    double caption_weight, contrastive_weight;
    int contrastive_loss; // enum contrastive_kind, or CONTRASTIVE_OF_MODEL (run_model.h)
    int contrastive;      // enum contrastive_convention
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
    int64_t max_restarts, checkpoint_memory;
    char *checkpoint_memory_dir;
    char *dump;
    int64_t dump_step, dump_limit;
    // Debugging
    int64_t first_step;
    bool evaluate;
    // Edges; an edge left out is skipped
    char *images, *tokens, *features, *features_grad, *embeddings, *embeddings_grad, *captions, *control;
    char *states, *states_grad, *labels, *scores;
    char *listen; // host of a run over hosts
};

// The rows of all of them, over these settings.
struct option_table run_options_table(struct run_options *options);
