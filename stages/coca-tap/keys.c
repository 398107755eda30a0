// coca-tap keys: makes the key folder that --keys takes. The work is wire/keys.c's; here is only the command, and what
// to do with the folder.
#include "wire/keys.h"
#include "tap.h"

static int make_keys(const struct strings *operands) {
    const char *folder = only_operand(operands, "DIR");
    if (!folder) return -EXIT_USAGE;
    int status = keys_create(folder);
    if (status == 0)
        note("%s holds new keys; hosts that only connect need all of it but server.secret. To let another client in, "
             "put its public key into %s/clients/",
             folder, folder);
    return status;
}

const struct tool keys_tool = {
    .name = "coca-tap keys",
    .summary = "makes a folder of CURVE keys for --keys",
    .manual = "DIR/server.public, server.secret    of every stage that binds a tcp address\n"
              "DIR/client.public, client.secret    of every stage that connects to one\n"
              "DIR/clients/*.public                whom binding stages let in",
    .operands = "DIR",
    .run = make_keys,
};
