// Class names and the prompts of each class, from text files or from JSON in CLIP_benchmark's layout.
//
// A file whose name ends in .json holds either the list itself, or an object with a list for each of several sets (data
// sets, languages); which one is said by candidate names, of which the first that is there counts, with or without what
// stands before its last '/'.
#pragma once

#include "base/memory.h"

// A name in each line (text/prompt.h), or a JSON list of names. 0 or -EXIT_DATA; an empty list is an error.
int class_names_read(struct strings *names, const char *path, const struct strings *sets);

// The prompts of all classes, those of a class together.
struct class_prompts {
    struct strings text;
    int64_t *count; // [C], of each class: 1 or more
};

// Templates, one a line or a JSON list, with every name put in; or a JSON object that gives each name its own prompts,
// complete (CuPL). Without a set that is there, CLIP_benchmark's default, "imagenet1k". 0 or -EXIT_DATA.
int class_prompts_read(struct class_prompts *prompts, const struct strings *names, const char *path,
                       const struct strings *sets);
void class_prompts_release(struct class_prompts *prompts);
