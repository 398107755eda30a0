// The model and the vocabulary that a process works with: the run's own copies, or those that the options name.
#pragma once

#include "model/contrastive.h"
#include "run/run.h"

enum { CONTRASTIVE_OF_MODEL = CONTRASTIVE_KINDS }; // of --contrastive-loss

// Reads the configuration; run_join does. 0 or -exit_code.
int run_model_read(const struct run *run, struct model_config *config);
// From this file. What it leaves open --pretrained says (pretrained_complete), for --contrastive-loss sigmoid a model
// without a logit_bias gets one (model_config_use_sigmoid), and pictures are as large as --image-size says.
int run_model_config(const struct run *run, const char *path, struct model_config *config);
// Makes a run's own copy of the file, which says of the model what run_model_config makes of it, with this head (NULL:
// the file's). 0 or -exit_code.
int run_model_copy(const struct run *run, const char *from, const struct head_config *head, const char *to);
// The list of the head's labels: the run's own copy, or what the options name or the weights bring. The caller frees;
// NULL when none is known.
char *run_labels(const struct run *run);
// How many pictures a sample has: those of the model's head, or the frames that were asked for; 1.
int run_pictures(const struct run *run, const struct model_config *config);
// By which rule the run contrasts.
enum contrastive_kind run_contrastive_kind(const struct run *run, const struct model_config *config);
// The path of the vocabulary, which the caller frees; NULL when none is known.
char *run_tokenizer(const struct run *run);
