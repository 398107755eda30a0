// Prompts: templates that hold a class name or a list of label names.
#pragma once

#include "base/memory.h"
#include "base/random.h"

// Reads a text file of class names: line n is class n, whatever it begins with, blanks around it left out. 0 or
// -EXIT_DATA: an empty line that is not at the end, among others.
int names_read(struct strings *names, const char *path);

// Templates, one a line, empty lines and # comments left out. Each holds its name at "{}" (open_clip) or "{c}"
// (CLIP_benchmark). -EXIT_DATA for one without, naming it.
int templates_read(struct strings *templates, const char *path);
int templates_check(const struct strings *templates, const char *path); // at least one, and each with its place

// Appends `template` with `name` put in.
void prompt_fill(struct buffer *text, const char *template, const char *name);

// The paper's text for annotated pictures (section 4.1): label names shuffled, joined by ", " and put in a template
// sampled from the list; all of it a function of `key`. Neither list is empty.
void prompt_from_labels(struct buffer *text, const struct strings *labels, const struct strings *templates,
                        struct random_key key);
