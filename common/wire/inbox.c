#include "wire/inbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

int inbox_find(const struct inbox *inbox, enum message_kind kind, const char *role, int64_t step, int32_t microbatch) {
    for (int i = 0; i < inbox->count; i++) {
        const struct message *message = inbox->item[i];
        if ((kind != MESSAGE_KINDS && message->kind != kind) || (role && strcmp(message->from, role) != 0)) continue;
        if (step >= 0 && message->unit.step != step) continue;
        if (microbatch >= 0 && message->unit.microbatch != microbatch) continue;
        return i;
    }
    return -1;
}

struct message *inbox_take(struct inbox *inbox, int index) {
    struct message *message = inbox->item[index];
    inbox->count--;
    memmove(&inbox->item[index], &inbox->item[index + 1], (size_t)(inbox->count - index) * sizeof *inbox->item);
    return message;
}

void inbox_put(struct inbox *inbox, struct message **message) {
    if (inbox->count == inbox->capacity) {
        inbox->capacity = inbox->capacity ? 2 * inbox->capacity : 16;
        inbox->item = xrealloc_array(inbox->item, (size_t)inbox->capacity, sizeof *inbox->item);
    }
    inbox->item[inbox->count++] = *message;
    *message = NULL;
}

void inbox_release(struct inbox *inbox) {
    for (int i = 0; i < inbox->count; i++) message_free(&inbox->item[i]);
    free(inbox->item);
    *inbox = (struct inbox){0};
}
