// Text in UTF-8 that somebody read in another encoding ("schÃ¶n"), found and put right as ftfy 6.3 does.
#pragma once

#include "base/memory.h"

struct mojibake;
struct mojibake *mojibake_new(void);
void mojibake_free(struct mojibake *mojibake);

// Changes `text`, valid UTF-8, until nothing looks wrong or nothing helps: ftfy's fix_encoding.
void mojibake_fix(const struct mojibake *mojibake, struct buffer *text);
