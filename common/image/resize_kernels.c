// Chooses the fastest version that this processor runs, at run time: one program serves all machines. The versions are
// one file each; view.c and resize.c ask, and the test walks over the whole table.
#include "image/resize_kernels.h"

const struct resize_kernels *const resize_versions[] = {&resize_avx512, &resize_avx2, &resize_plain, NULL};

const struct resize_kernels *resize_fastest(void) {
    const struct resize_kernels *const *version = resize_versions;
    while ((*version)->isa > isa_limit() || !(*version)->usable()) version++;
    return *version;
}
