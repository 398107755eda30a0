// Lists of names in the order of their bytes.
#pragma once

#include "base/memory.h"

void sorted(struct strings *list);
void sorted_distinct(struct strings *distinct, struct strings *list); // sorts the list, and adds each name of it once
