#include "classes.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "text/prompt.h"

static struct { char *classnames, *templates; } options;

#define FIELD(member) offsetof(__typeof__(options), member)
static const struct option rows[] = {
    {NULL,         OPTION_FLAG, 0,                 NULL,   NULL, 0, 0, "Classes",                      0           },
    {"classnames", OPTION_TEXT, FIELD(classnames), "FILE", NULL, 0, 0,
     "one class name a line, in index order; without it DIR/classnames.txt of --data",                 OPTION_LOCAL},
    {"templates",  OPTION_TEXT, FIELD(templates),  "FILE", NULL, 0, 0,
     "one prompt a line, the name at {} or {c}; without it DIR/zeroshot_classification_templates.txt", OPTION_LOCAL},
};
struct option_table classes_options_table = {rows, sizeof rows / sizeof *rows, &options, NULL};

// The file given, or NAME in the directory; the caller frees. NULL when neither is known.
static char *choose(const char *given, const char *directory, const char *name) {
    if (given) return xstrdup(given);
    return directory ? path_join(directory, name) : NULL;
}

int classes_read(struct classes *classes, const char *directory) {
    char *names = choose(options.classnames, directory, "classnames.txt"),
         *templates = choose(options.templates, directory, "zeroshot_classification_templates.txt");
    int status = names && templates ? 0 : error(EXIT_USAGE, "give --data DIR, or both of --classnames and --templates");
    if (!status) status = lines_read(&classes->names, names);
    if (!status) status = templates_read(&classes->templates, templates);
    if (!status && !classes->names.count) status = error(EXIT_DATA, "%s: holds no class name", names);
    free(names);
    free(templates);
    return status;
}

void classes_release(struct classes *classes) {
    strings_release(&classes->names);
    strings_release(&classes->templates);
}

void classes_print(const struct classes *classes) {
    struct buffer prompt = {0};
    for (size_t c = 0; c < classes->names.count; c++)
        for (size_t k = 0; k < classes->templates.count; k++) {
            buffer_clear(&prompt);
            prompt_fill(&prompt, classes->templates.item[k], classes->names.item[c]);
            puts(prompt.bytes);
        }
    buffer_release(&prompt);
}
