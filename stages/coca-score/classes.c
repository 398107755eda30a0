// The options that say which classes there are, shared by `prompts` and `zero-shot`: the one prints the texts, the
// other takes their embeddings in the same order, so both must read the same files by the same rules. A dataset that
// was packed from CLIP_benchmark has them inside; JSON files with many sets are asked for the one that the dataset's
// folders name.
#include "classes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "stage/option_rows.h"

#define FIELD(member) offsetof(struct classes_options, member)
static const struct option rows[] = {
    HEADING("Classes"),
    TEXT("classnames", classnames, "FILE", NULL,
         "class names in index order, one a line, or FILE.json; without it DIR/classnames.txt of --data", OPTION_LOCAL),
    TEXT("templates", templates, "FILE", NULL,
         "one prompt a line, the name at {} or {c}, or FILE.json, which may give each class its own; without it "
         "DIR/zeroshot_classification_templates.txt",
         OPTION_LOCAL),
    TEXT("class-set", class_set, "NAME", NULL,
         "which list of the JSON files that hold several; one of the folders of --data when left out", OPTION_LOCAL),
};

struct option_table classes_options_table(struct classes_options *options) {
    return OPTION_TABLE(rows, options);
}

// The file given, or NAME in the directory; the caller frees. NULL when neither is known.
static char *choose(const char *given, const char *directory, const char *name) {
    if (given) return xstrdup(given);
    return directory ? path_join(directory, name) : NULL;
}

// What JSON files may call the data: the name given, else the folders it lies in, the innermost first.
static void name_sets(struct strings *sets, const char *class_set, const char *directory) {
    if (class_set) {
        strings_add_text(sets, class_set);
        return;
    }
    const char *path = directory ? directory : "";
    for (size_t end = strlen(path); end; end--) {
        const size_t last = end;
        while (end && path[end - 1] != '/') end--;
        if (last > end) strings_add(sets, path + end, last - end);
        if (!end) break;
    }
}

int classes_read(struct classes *classes, const struct classes_options *options, const char *directory) {
    struct strings sets = {0};
    char *names = choose(options->classnames, directory, "classnames.txt"),
         *templates = choose(options->templates, directory, "zeroshot_classification_templates.txt");
    int status = names && templates ? 0 : error(EXIT_USAGE, "give --data DIR, or both of --classnames and --templates");
    name_sets(&sets, options->class_set, directory);
    if (!status) status = class_names_read(&classes->names, names, &sets);
    if (!status) status = class_prompts_read(&classes->prompts, &classes->names, templates, &sets);
    strings_release(&sets);
    free(names);
    free(templates);
    return status;
}

void classes_release(struct classes *classes) {
    strings_release(&classes->names);
    class_prompts_release(&classes->prompts);
}

void classes_print(const struct classes *classes, char end) {
    for (size_t i = 0; i < classes->prompts.text.count; i++) {
        fputs(classes->prompts.text.item[i], stdout);
        putchar(end);
    }
}
