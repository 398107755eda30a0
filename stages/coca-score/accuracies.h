// Accuracies as the results have them.
#pragma once

#include <jansson.h>

#include "measure/zero_shot.h"

// acc1, acc5 (from 5 classes up) and mean_per_class_recall of at least one picture, as shares, and what guessing gives
// under the same names. New references.
void accuracies_json(const struct accuracy *accuracy, json_t **metrics, json_t **chance);
