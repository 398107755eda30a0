// The text of a sample.
#pragma once

#include <stdbool.h>

#include "base/memory.h"
#include "dataset/sources.h"

// Appends the line of a list, a caption, or label names in one of the prompts. Which caption: the one that the sample
// means, else with `draw` one drawn by the sample's key, else the first. Returns what is wrong with the text (borrowed
// from the sample), or NULL.
const char *sample_text(struct buffer *text, const struct sample *sample, const struct strings *prompts, bool draw);
