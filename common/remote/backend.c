// Finds and loads the shared object of servers when one is named, so that executables need no libcurl to start.
#include "remote/backend.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/machine.h"
#include "remote/failure.h"

static const struct remote_backend *loaded;
static char defect[512];

// It stays loaded.
static void load_object(const char *path) {
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct remote_backend *backend = object ? dlsym(object, REMOTE_OBJECT_ENTRY) : NULL;
    if (!object)
        snprintf(defect, sizeof defect, "libcurl, which reaches it, is missing: %s", dlerror());
    else if (!backend || backend->size != REMOTE_BACKEND_SIZE)
        snprintf(defect, sizeof defect, "lib/" REMOTE_OBJECT ", which reaches it, belongs to another build; run make");
    else
        loaded = backend;
}

static void load(void) {
    char *path = machine_find_object(REMOTE_OBJECT);
    if (path)
        load_object(path);
    else
        snprintf(defect, sizeof defect,
                 "this build has no lib/" REMOTE_OBJECT
                 ", which reaches it by libcurl: ./run.sh build all installs and "
                 "makes it");
    free(path);
}

const struct remote_backend *remote_backend_load(struct failure *failure) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (!loaded) failure_set(failure, EXIT_RUN, "%s", defect);
    return loaded;
}
