// Messages that arrived and were not taken, in order of arrival. Private.
#pragma once

#include "wire/wanted.h"

struct inbox {
    struct message **item;
    int count, capacity;
};

int inbox_find(const struct inbox *inbox, const struct wanted *wanted); // the first that came; −1: none
struct message *inbox_take(struct inbox *inbox, int index);
void inbox_put(struct inbox *inbox, struct message **message);
void inbox_release(struct inbox *inbox);
