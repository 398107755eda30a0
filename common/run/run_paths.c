// Paths among the run options, made absolute: stages run in the run directory.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "run/run.h"

// "DIR::DIR" with each part absolute.
static char *absolute_list(const char *list, const char *here) {
    struct buffer text = {0};
    for (const char *part = list, *end; part; part = end ? end + 2 : NULL) {
        end = strstr(part, "::");
        char *name = xstrndup(part, end ? (size_t)(end - part) : strlen(part)), *path = path_join(here, name);
        buffer_format(&text, "%s%s", text.size ? "::" : "", path);
        free(name);
        free(path);
    }
    return text.bytes;
}

static char *absolute_address(const char *address, const char *here) {
    if (strncmp(address, "file:", 5)) return xstrdup(address);
    char *path = path_join(here, address + 5), *result = xformat("file:%s", path);
    free(path);
    return result;
}

// A preset's name is no path.
static bool is_preset(const struct option *option, const char *text) {
    size_t length = strlen(text);
    return !strcmp(option->name, "model") && !strchr(text, '/') &&
           (length < 5 || strcmp(text + length - 5, ".json") != 0);
}

void run_make_absolute(struct run *run) {
    char *here = getcwd(NULL, 0);
    if (!here) die(EXIT_RUN, "the current directory cannot be read");
    for (int i = 0; i < run->table.count; i++) {
        const struct option *option = &run->table.option[i];
        if (!(option->marks & (RUN_PATH | RUN_ADDRESS))) continue;
        char **text = (char **)((char *)run->table.settings + option->offset);
        if (!*text || is_preset(option, *text)) continue;
        char *absolute = option->marks & RUN_PATH ? absolute_list(*text, here) : absolute_address(*text, here);
        free(*text);
        *text = absolute;
    }
    free(here);
}
