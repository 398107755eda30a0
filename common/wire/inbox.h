// Messages that arrived and were not taken, in order of arrival. Private.
#pragma once

#include "wire/message.h"

struct inbox {
    struct message **item;
    int count, capacity;
};

// kind MESSAGE_KINDS, role NULL, step −1, microbatch −1: any. −1 when there is none.
int inbox_find(const struct inbox *inbox, enum message_kind kind, const char *role, int64_t step, int32_t microbatch);
struct message *inbox_take(struct inbox *inbox, int index);
void inbox_put(struct inbox *inbox, struct message **message);
void inbox_release(struct inbox *inbox);
