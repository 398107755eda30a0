// coca-tap keys: makes the key folder that --keys takes. The work is wire/keys.c's; here is only the command, and what
// to do with the folder.
#include "wire/keys.h"
#include "tap.h"

static const char manual[] = "DIR/server.public, server.secret    of every stage that binds a tcp address\n"
                             "DIR/client.public, client.secret    of every stage that connects to one\n"
                             "DIR/clients/*.public                whom binding stages let in";

static int run(void *context, const struct strings *operands) {
    (void)context;
    const char *folder = only_operand(operands, "DIR");
    if (!folder) return -EXIT_USAGE;
    int status = keys_create(folder);
    if (status == 0)
        note("%s holds new keys; hosts that only connect need all of it but server.secret. To let another client in, "
             "put its public key into %s/clients/",
             folder, folder);
    return status;
}

int keys_main(const struct command *command, int argc, char **argv) {
    const struct tool tool = {
        .name = "coca-tap keys", .summary = command->summary, .manual = manual, .operands = "DIR", .run = run};
    return tool_main(&tool, argc, argv);
}
