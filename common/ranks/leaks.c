// What our thread allocates inside a library is not looked for; what the library's own threads allocate is told by the
// name of the library that they run in, which has to stay loaded for it.
#include "ranks/leaks.h"

#include <dlfcn.h>
#include <stdbool.h>

void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

static bool forgotten;

void leaks_ignore(void) {
    if (__lsan_disable) __lsan_disable();
}

void leaks_heed(void) {
    if (__lsan_enable) __lsan_enable();
}

void leaks_name(void) {
    if (__lsan_disable) dlopen("libpmix.so.2", RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

void leaks_forget(void) {
    forgotten = true;
}

// The sanitizers ask when the process ends.
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) {
    return forgotten;
}
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libpmix\n";
}
