// Work that falls into items which know nothing of each other.
#pragma once

#include <stddef.h>

// Calls work(context, item) for every item from 0 to count - 1 once, on all cores, in any order, and returns when all
// are done. What an item gives must depend on the item alone: then it does not depend on the number of cores.
void threads_each(size_t count, void (*work)(void *context, size_t item), void *context);
