// coca-score head: what a script needs to know of a model before it evaluates its head.
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "run/run_model.h"
#include "stage/command.h"

static const char manual[] =
    "Prints KEY=VALUE lines that a shell can eval about the head of --pretrained: head_task, head_states (image or text:\n"
    "which encoder it reads), head_pictures (of a sample) and head_classes.\n"
    "\n"
    "Exit codes: 0 done, 2 no such model, or it has no head.";

static int print(void *context, const struct strings *operands) {
    struct run *run = context;
    struct model_config config;
    (void)operands;
    int status = run_model_read(run, &config);
    if (status) return status;
    if (config.head.task == TASK_NONE) return error(EXIT_USAGE, "the model has no head: pipelines/tune.sh trains one");
    printf("head_task=%s\nhead_states=%s\nhead_pictures=%d\nhead_classes=%d\n", tasks[config.head.task].name,
           tasks[config.head.task].reads_text ? "text" : "image", config.head.pictures, config.head.classes);
    return 0;
}

int head_main(const struct command *command, int argc, char **argv) {
    struct run run;
    struct option_table *const tables[] = {&run.table, NULL};
    const struct tool tool = {.name = "coca-score head",
                              .summary = command->summary,
                              .manual = manual,
                              .tables = tables,
                              .context = &run,
                              .run = print};
    run_init(&run, "model pretrained");
    return tool_main(&tool, argc, argv);
}
