// coca-pack formats: what `pack --from` reads, with the keys that are looked for when no option says others. The list
// is the importers' own table, so it cannot be out of date.
#include <stdio.h>

#include "commands.h"
#include "dataset/import.h"

static void print_key(const char *what, const char *keys) {
    if (keys) printf("           %-12s %s\n", what, keys);
}

static int run(void *context, const struct strings *operands) {
    (void)context, (void)operands;
    for (const struct import_format *const *format = import_formats; *format; format++) {
        printf("%-10s %s\n", (*format)->name, (*format)->summary);
        print_key("image-key", (*format)->image_key);
        print_key("caption-key", (*format)->caption_key);
        print_key("class-key", (*format)->class_key);
    }
    return 0;
}

int formats_main(const struct command *command, int argc, char **argv) {
    const struct tool tool = {
        .name = "coca-pack formats",
        .summary = command->summary,
        .manual = "Prints a line for each format, and under it the default of each key option that it has.",
        .run = run};
    return tool_main(&tool, argc, argv);
}
