// A run with options as if typed, in a folder of its own for each test.
#pragma once

#include "../base/folder.h"
#include "typed.h"

static inline int type_options(const char *words) {
    before_leaving = release_options;
    return type_run(words);
}
