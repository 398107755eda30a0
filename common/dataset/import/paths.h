// What a path on the command line stands for.
#pragma once

#include "base/memory.h"

// Appends the paths that `text` names: parts joined by "::", each with its brace ranges unfolded ({000..329} with the
// zeros of its first number, {a,b}) and patterns of the shell (*.tar, sorted). A file of that very name is itself. 0 or
// -EXIT_USAGE: too many.
int paths_expand(struct strings *paths, const char *text);
