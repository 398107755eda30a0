// Question and answer are tokenized apart, so that the question's tokens are the same whether the answer follows or
// not: a head reads them alone, and at evaluation nothing follows.
#include "question.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static int words_end(const int32_t *tokens, int T, int eos) {
    int end = 0;
    while (end < T && tokens[end] != eos) end++;
    return end;
}

// Puts the words of the answer at tokens[length], as many as leave room for EOS.
static void append_answer(const struct tokenizer *tokenizer, struct span answer, int32_t *tokens, int length, int T) {
    const struct tokenizer_ids ids = tokenizer_ids(tokenizer);
    int32_t *words = xcalloc((size_t)T, sizeof *words);
    tokenizer_encode(tokenizer, answer.bytes, answer.size, words, T);
    int count = words_end(words, T, ids.eos) - 1;
    if (count > T - 1 - length) count = T - 1 - length;
    memcpy(tokens + length, words + 1, (size_t)count * sizeof *words);
    tokens[length + count] = ids.eos;
    free(words);
}

int question_encode(const struct tokenizer *tokenizer, struct span question, struct span answer, int32_t *tokens,
                    int T) {
    tokenizer_encode(tokenizer, question.size ? question.bytes : "", question.size, tokens, T);
    const int length = words_end(tokens, T, tokenizer_ids(tokenizer).eos);
    if (answer.size) append_answer(tokenizer, answer, tokens, length, T);
    return length;
}

static int same(const struct record *record, struct span answer) {
    int count = 0;
    for (int i = 0; i < record->answer_count; i++)
        count += record->answers[i].size == answer.size && !memcmp(record->answers[i].bytes, answer.bytes, answer.size);
    return count;
}

struct span question_answer(const struct record *record) {
    struct span best = {NULL, 0};
    int most = 0;
    for (int i = 0; i < record->answer_count; i++) {
        const int count = same(record, record->answers[i]);
        if (count <= most) continue;
        most = count;
        best = record->answers[i];
    }
    return best;
}

const char *question_check(const struct record *record) {
    if (!record->question.size) return "the record has no question";
    if (!utf8_valid(record->question.bytes, record->question.size)) return "the question is not UTF-8";
    return NULL;
}
