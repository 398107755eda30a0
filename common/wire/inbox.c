// Arrivals that wait to be taken, of one edge. The protocol bounds them to about a step's, so the list is looked
// through from the oldest on, which also makes "any" the one that came first.
#include "wire/inbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

int inbox_find(const struct inbox *inbox, const struct wanted *wanted) {
    for (int i = 0; i < inbox->count; i++)
        if (wanted_fits(wanted, inbox->item[i])) return i;
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
