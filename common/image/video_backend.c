// Finds and loads the shared object of videos when one comes, so that executables need no FFmpeg to start.
#include "image/video_backend.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/machine.h"

static const struct video_backend *loaded;
static char defect[IMAGE_REASON];

// It stays loaded.
static void load_object(const char *path) {
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct video_backend *backend = object ? dlsym(object, VIDEO_OBJECT_ENTRY) : NULL;
    if (!object)
        snprintf(defect, sizeof defect, "a video, and FFmpeg is missing: %s", dlerror());
    else if (!backend || backend->size != VIDEO_BACKEND_SIZE)
        snprintf(defect, sizeof defect, "a video, and lib/" VIDEO_OBJECT " belongs to another build; run make");
    else
        loaded = backend;
}

static void load(void) {
    char *path = machine_find_object(VIDEO_OBJECT);
    if (path)
        load_object(path);
    else
        snprintf(defect, sizeof defect,
                 "a video, and this build has no lib/" VIDEO_OBJECT ", which FFmpeg decodes with: ./run.sh build all "
                 "installs and makes it");
    free(path);
}

const struct video_backend *video_backend_load(char reason[IMAGE_REASON]) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (!loaded) snprintf(reason, IMAGE_REASON, "%s", defect);
    return loaded;
}
