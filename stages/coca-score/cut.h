// Captions as tokens.
#pragma once

#include <jansson.h>

#include "base/memory.h"

enum caption_tokenizer { CAPTION_PTB, CAPTION_NONE };
#define CAPTION_TOKENIZERS "ptb|none"

// The caption, of any bytes, as tokens with blanks between them, in place of what `tokens` has.
void caption_cut(struct buffer *tokens, enum caption_tokenizer tokenizer, const char *text, size_t size);

// The same of many, on all cores: texts into `tokens` [count], which the caller frees.
void captions_cut(char **tokens, enum caption_tokenizer tokenizer, const json_t *const *captions, size_t count);
