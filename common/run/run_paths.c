// Paths among the run options, made absolute: what was typed is meant from where it was typed, and stages run in the
// run directory. coca-loss --prepare calls it once, before the options are kept in run.json. The rows' marks say which
// options are paths.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "run/run.h"

// "DIR::DIR" with each part absolute.
static char *absolute_list(const char *list, const char *here) {
    struct buffer text = {0};
    struct strings parts = {0};
    text_split(&parts, list, "::");
    for (size_t i = 0; i < parts.count; i++) {
        char *path = path_join(here, parts.item[i]);
        buffer_format(&text, "%s%s", i ? "::" : "", path);
        free(path);
    }
    strings_release(&parts);
    return text.bytes;
}

static char *absolute_address(const char *address, const char *here) {
    if (!text_begins(address, "file:")) return xstrdup(address);
    char *path = path_join(here, address + 5), *result = xformat("file:%s", path);
    free(path);
    return result;
}

// A preset's name is no path.
static bool is_preset(const struct option *option, const char *text) {
    return !strcmp(option->name, "model") && !strchr(text, '/') && !text_ends_alike(text, ".json");
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
