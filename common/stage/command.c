// The mains of programs that talk to nobody, and of those with sub-commands. They have the stages' manners (options,
// exit codes, a reader that leaves is no failure) and nothing of their life: no hub, no readiness, no counters. stage.c
// has that.
#include "stage/command.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stage/arguments.h"

static void end_cleanly(int signal) {
    (void)signal;
    _exit(0);
}

int tool_main(const struct tool *tool, int argc, char **argv) {
    const struct manual manual = {tool->name, tool->summary, tool->manual, tool->operands};
    struct arguments arguments;
    fail_name(tool->name);
    signal(SIGPIPE, end_cleanly); // `coca-pack list ... | head` has seen enough
    int status = arguments_read(&arguments, &manual, tool->tables, NULL, argc, argv);
    if (status == 0) status = options_check_outputs(arguments.table);
    if (status == 0)
        status = tool->run(tool->context, &arguments.operands);
    else if (status == ARGUMENTS_ANSWERED)
        status = 0;
    arguments_release(&arguments);
    if (fflush(stdout) == EOF && status == 0) status = error(EXIT_RUN, "cannot write to stdout");
    return -status;
}

static void print_commands(const struct program *program) {
    printf("%s: %s\n\nUsage: %s COMMAND ... ; %s COMMAND --help says more of one.\n\nCommands:\n", program->name,
           program->summary, program->name, program->name);
    for (const struct command *command = program->commands; command->word; command++)
        printf("  %-10s %s\n", command->word, command->summary);
    if (program->manual) printf("\n%s\n", program->manual);
}

int program_main(const struct program *program, int argc, char **argv) {
    fail_name(program->name);
    if (argc < 2) return -error(EXIT_USAGE, "which command? `%s --help` lists them", program->name);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_commands(program);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("%s %s\n", program->name, COCAFLOW_VERSION);
        return 0;
    }
    for (const struct command *command = program->commands; command->word; command++)
        if (strcmp(command->word, argv[1]) == 0) return command->main(command, argc - 1, argv + 1);
    return -error(EXIT_USAGE, "unknown command '%s'; `%s --help` lists them", argv[1], program->name);
}
