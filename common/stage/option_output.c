// Outputs are looked at before the work whose result they are for: hours of it are lost when only the last step finds
// out that a folder is missing. The rows say which options name outputs, so no program has to think of it.
#include <string.h>

#include "base/file.h"
#include "stage/option_value.h"

static int check_list(const char *name, const struct strings *list) {
    int status = 0;
    for (size_t i = 0; i < list->count && !status; i++) {
        const char *file = strchr(list->item[i], '=');
        if (file) status = file_check_output(name, file + 1);
    }
    return status;
}

static int check_row(const struct option *option, void *settings) {
    const void *field = option_field(option, settings);
    char name[64];
    if (!(option->marks & OPTION_OUTPUT)) return 0;
    snprintf(name, sizeof name, "--%s", option->name);
    if (option->kind == OPTION_LIST) return check_list(name, field);
    const char *path = *(char *const *)field;
    return path ? file_check_output(name, path) : 0;
}

int options_check_outputs(struct option_table *const *tables) {
    int status = 0;
    for (; *tables; tables++)
        for (int i = 0; i < (*tables)->count && !status; i++)
            status = check_row(&(*tables)->option[i], (*tables)->settings);
    return status;
}
