// Finds and loads the CUDA backend when a stage asks for it, so that executables need no CUDA to start. The object
// takes the failure words from the executable (-rdynamic), and what it was built for is compared before anything is
// called: a table of operations that has moved on would call the wrong ones.
#include "ops/cuda_object.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/machine.h"
#include "base/memory.h"
#include "ops/backend.h"

// The first difference is found at the end of the shorter list at the latest, by its 0.
static bool sizes_equal(const size_t *sizes) {
    for (size_t i = 0; i < sizeof cuda_object_sizes / sizeof *cuda_object_sizes; i++)
        if (sizes[i] != cuda_object_sizes[i]) return false;
    return true;
}

// It stays loaded: CUDA's libraries do not like to be unloaded.
static int load(cuda_object_open **open, const char *path) {
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!object)
        return error(EXIT_USAGE,
                     "--device cuda: %s; name the folder of CUDA's libraries in LD_LIBRARY_PATH, or use "
                     "--device cpu",
                     dlerror());
    const char *const *abi = dlsym(object, CUDA_OBJECT_ABI);
    const size_t *const *sizes = dlsym(object, CUDA_OBJECT_SIZES);
    void *entry = dlsym(object, CUDA_OBJECT_ENTRY);
    if (!abi || !sizes || !entry || strcmp(*abi, cuda_object_signature) != 0 || !sizes_equal(*sizes))
        return error(EXIT_USAGE, "--device cuda: %s belongs to another build; run make", path);
    // C has no conversion from an object's address to a function's; POSIX says that they are alike.
    memcpy(open, &entry, sizeof entry);
    return 0;
}

int cuda_open(struct ops *ops, int index) {
    cuda_object_open *open = NULL;
    char *path = machine_find_object(CUDA_OBJECT);
    if (!path)
        return error(EXIT_USAGE, "--device cuda: this build has no CUDA backend (lib/" CUDA_OBJECT "), which is built "
                                 "where nvcc is; use --device cpu");
    int status = load(&open, path);
    free(path);
    return status ? status : open(ops, index);
}
