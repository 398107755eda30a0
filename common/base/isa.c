// Reads the one word that holds kernels back. Whoever chooses kernels asks it (ops/cpu/kernels.c,
// image/resize_kernels.c, model/generate/draw_kernels.c), so that all of a process is held to one level.
#include "base/isa.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"

enum isa isa_limit(void) {
    static const char *const words[] = {[ISA_V2] = "v2", [ISA_V3] = "v3", [ISA_V4] = "v4"};
    const char *word = getenv("COCA_ISA");
    if (!word) return ISA_V4;
    for (enum isa isa = ISA_V2; isa <= ISA_V4; isa++)
        if (!strcmp(word, words[isa])) return isa;
    die(EXIT_USAGE, "COCA_ISA=%s: the levels are v2, v3 and v4", word);
}
