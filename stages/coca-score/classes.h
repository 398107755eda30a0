// Class names and prompt templates: the prompts of a zero-shot classifier.
#pragma once

#include "stage/option.h"
#include "text/class_prompts.h"

struct classes {
    struct strings names; // C of them
    struct class_prompts prompts;
};
struct classes_options {
    char *classnames, *templates, *class_set;
};
struct option_table classes_options_table(struct classes_options *options);

// Reads --classnames and --templates, by default CLIP_benchmark's files in `directory`. 0, -EXIT_USAGE or -EXIT_DATA.
int classes_read(struct classes *classes, const struct classes_options *options, const char *directory);
void classes_release(struct classes *classes);

// Prints the prompts, `end` behind each, those of a class together: the order in which their embeddings are taken.
void classes_print(const struct classes *classes, char end);
