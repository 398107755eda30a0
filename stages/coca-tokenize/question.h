// The text of a task's sample: a question, hypothesis or statement, and behind it an answer where that is to be
// predicted word by word too.
#pragma once

#include "base/memory.h"
#include "dataset/record.h"
#include "text/tokenizer.h"

// tokens[T] = BOS question answer EOS PAD…, without the answer when it is empty. What is too long loses words of the
// answer, then of the question. Returns the number of tokens from BOS to the question's last: at least 1.
int question_encode(const struct tokenizer *tokenizer, struct span question, struct span answer, int32_t *tokens,
                    int T);

// What most people answered, of several the first; empty without answers.
struct span question_answer(const struct record *record);

// What is wrong with the record's question, or NULL.
const char *question_check(const struct record *record);
