// A caption that goes on: its picture, the slot that keeps what the model remembers of it, and its newest token.
#pragma once

#include <stdint.h>

struct caption_row {
    int32_t picture, slot, token;
};
