// Tells stores which of their parts the samples that come next are in (store_ahead), so that objects are fetched before
// they are read.
#pragma once

#include "dataset/plan.h"
#include "dataset/store.h"

struct look_ahead;
// NULL where there is nothing to fetch: no store has a part elsewhere. Stores and plan are borrowed.
struct look_ahead *look_ahead_new(struct store *const *store, int count, const struct plan *plan, bool shuffled);
void look_ahead_free(struct look_ahead **ahead);
// Sample n of the plan is read now. Of NULL nothing.
void look_ahead_from(struct look_ahead *ahead, int64_t n);
