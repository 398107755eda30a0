// Addresses and wishes: what fits them, and how they are said. One rule for the inbox, for the lists of peers and for
// errors, so that a rank is told from another everywhere alike.
#include "wire/wanted.h"

#include <stdio.h>
#include <string.h>

bool address_fits(struct address wanted, struct address found) {
    return (!wanted.role || strcmp(wanted.role, found.role) == 0) &&
           (wanted.rank == ANY_RANK || wanted.rank == found.rank);
}

const char *address_text(struct address address, char text[ADDRESS_TEXT]) {
    const char *role = address.role ? address.role : "anybody";
    if (address.rank == ANY_RANK)
        snprintf(text, ADDRESS_TEXT, "%.*s", WIRE_NAME - 1, role);
    else
        snprintf(text, ADDRESS_TEXT, "%.*s %d", WIRE_NAME - 1, role, address.rank);
    return text;
}

static bool kind_fits(const struct wanted *wanted, const struct message *message) {
    if (wanted->kind == MESSAGE_KINDS) return true;
    if (wanted->kind != message->kind) return false;
    return wanted->kind != MESSAGE_TOLD || strcmp(wanted->word, message->word) == 0;
}

bool wanted_fits(const struct wanted *wanted, const struct message *message) {
    return kind_fits(wanted, message) && address_fits(wanted->from, (struct address){message->from, message->rank}) &&
           (wanted->step < 0 || wanted->step == message->unit.step) &&
           (wanted->microbatch < 0 || wanted->microbatch == message->unit.microbatch);
}

const char *wanted_name(const struct wanted *wanted) {
    if (wanted->kind == MESSAGE_KINDS) return "a message";
    return wanted->kind == MESSAGE_TOLD ? wanted->word : message_kind_name(wanted->kind);
}
