// Which MPI's launcher started this process, by what it left in the environment, and the binding of that kind. An MPI
// library joins ranks that its own kind of launcher started, and takes itself for a single rank under another's.
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/machine.h"
#include "base/memory.h"
#include "ranks/leaks.h"
#include "ranks/transport.h"

// PMIX_RANK is also srun's for Open MPI (--mpi=pmix), PMI_RANK its for MPICH (--mpi=pmi2).
static const struct kind {
    const char *word, *name, *object, *marks[2];
} kinds[] = {
    {"openmpi", "Open MPI", "coca_openmpi.so", {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK"}},
    {"mpich", "MPICH", "coca_mpich.so", {"PMI_RANK", "PMI_SIZE"}},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static const struct kind *launcher(void) {
    for (int k = 0; k < KINDS; k++)
        for (int i = 0; i < 2; i++)
            if (getenv(kinds[k].marks[i])) return &kinds[k];
    return NULL;
}

// COCA_MPI says that the launcher serves another kind than it looks like. NULL, reported, when there is none.
static const struct kind *find_kind(const char *stage, int expected) {
    const struct kind *kind = launcher();
    const char *word = getenv("COCA_MPI");
    if (!kind) {
        error(EXIT_USAGE,
              "%s: --replicas asks for %d ranks, and no launcher started this process: start it with mpirun -n %d or "
              "srun --kill-on-bad-exit --mpi=pmix (Open MPI) or pmi2 (MPICH), or let train.sh do it",
              stage, expected, expected);
        return NULL;
    }
    if (!word || !*word) return kind;
    for (int k = 0; k < KINDS; k++)
        if (!strcmp(word, kinds[k].word)) return &kinds[k];
    error(EXIT_USAGE, "COCA_MPI=%s: it is openmpi or mpich", word);
    return NULL;
}

// Open MPI's plugins look for the library among the symbols of the whole process.
static struct transport *load(const char *path, const struct kind *kind) {
    leaks_ignore();
    void *object = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    leaks_heed();
    struct transport *transport = object ? dlsym(object, TRANSPORT_ENTRY) : NULL;
    if (!object)
        error(EXIT_USAGE, "%s cannot be loaded: %s; ./run.sh build all installs it", kind->name, dlerror());
    else if (!transport || transport->size != sizeof *transport)
        error(EXIT_USAGE, "%s belongs to another build; run make", path);
    else
        return transport;
    return NULL;
}

struct transport *transport_find(const char *stage, int expected) {
    const struct kind *kind = find_kind(stage, expected);
    if (!kind) return NULL;
    char *path = machine_find_object(kind->object);
    struct transport *transport = path ? load(path, kind) : NULL;
    if (!path)
        error(EXIT_USAGE,
              "%s: --replicas asks for %d ranks, and this build has no lib/%s for %s, whose launcher started this "
              "process: ./run.sh build all installs and builds it",
              stage, expected, kind->object, kind->name);
    free(path);
    return transport;
}
