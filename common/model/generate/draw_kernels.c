// Chooses the fastest version that this processor runs, at run time. The versions come from one source,
// draw_kernels.inc.
#include "model/generate/draw_kernels.h"

#include <stddef.h>

const struct draw_kernels *const draw_versions[] = {&draw_v4, &draw_v3, &draw_v2, NULL};

const struct draw_kernels *draw_fastest(void) {
    const struct draw_kernels *const *version = draw_versions;
    while ((*version)->isa > isa_limit() || !(*version)->usable()) version++;
    return *version;
}
