// Launchers of both kinds of MPI, which start a program of this folder again: each rank does the job of that name.
#pragma once

#include "../base/support.h"
#include "base/machine.h"

struct result {
    int code;
    char said[4000];
};

static inline bool launcher_is_here(const char *kind) {
    char command[100], *object = NULL;
    snprintf(command, sizeof command, "coca_%s.so", kind);
    object = machine_find_object(command);
    const bool built = object != NULL;
    free(object);
    snprintf(command, sizeof command, "command -v mpirun.%s >/dev/null", kind);
    return built && system(command) == 0;
}

// Not a failure: run.sh installs them for the tests, other builds need neither.
static inline void need_launcher(const char *kind) {
    if (launcher_is_here(kind)) return;
    print_message("mpirun.%s or lib/coca_%s.so is not here\n", kind, kind);
    skip();
}

// `timeout` ends what hangs.
static inline struct result launch_program(const char *kind, int ranks, const char *program, const char *job) {
    struct result result = {0};
    char command[400];
    need_launcher(kind);
    snprintf(command, sizeof command, "timeout 60 mpirun.%s -n %d %s %s 2>&1 </dev/null", kind, ranks, program, job);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    result.said[fread(result.said, 1, sizeof result.said - 1, pipe)] = 0;
    while (fgetc(pipe) != EOF) {
    }
    const int status = pclose(pipe);
    result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return result;
}

static inline struct result launch(const char *kind, int ranks, const char *job) {
    char program[64];
    snprintf(program, sizeof program, "/proc/%d/exe", (int)getpid());
    return launch_program(kind, ranks, program, job);
}

#define BOTH(name)                                                                                                     \
    static void test_##name##_openmpi(void **state) {                                                                  \
        (void)state;                                                                                                   \
        check_##name("openmpi");                                                                                       \
    }                                                                                                                  \
    static void test_##name##_mpich(void **state) {                                                                    \
        (void)state;                                                                                                   \
        check_##name("mpich");                                                                                         \
    }

// Tests run as root, and on fewer cores than ranks.
static inline void permit(void) {
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 1);
    setenv("OMPI_MCA_mpi_yield_when_idle", "1", 1);
}
