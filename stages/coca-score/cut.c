// How a caption becomes words decides its scores as much as its words do: numbers can be compared with published ones
// behind the tokenizer of COCO's evaluation only. Captions that are tokens already are taken as they are.
#include "cut.h"

#include "base/threads.h"
#include "base/utf8.h"
#include "text/ptb.h"

static void cut_ptb(struct buffer *tokens, const char *text, size_t size) {
    struct buffer valid = {0};
    utf8_repair(&valid, text, size);
    if (valid.size) ptb_tokenize(tokens, valid.bytes, valid.size);
    buffer_release(&valid);
}

void caption_cut(struct buffer *tokens, enum caption_tokenizer tokenizer, const char *text, size_t size) {
    buffer_clear(tokens);
    buffer_append(tokens, "", 0);
    if (tokenizer == CAPTION_PTB)
        cut_ptb(tokens, text, size);
    else
        buffer_append(tokens, text, size);
}

struct cutting {
    enum caption_tokenizer tokenizer;
    const json_t *const *captions;
    char **tokens;
};

static void cut_one(void *context, size_t i) {
    const struct cutting *cutting = context;
    struct buffer tokens = {0};
    caption_cut(&tokens, cutting->tokenizer, json_string_value(cutting->captions[i]),
                json_string_length(cutting->captions[i]));
    cutting->tokens[i] = xstrndup(tokens.bytes, tokens.size);
    buffer_release(&tokens);
}

void captions_cut(char **tokens, enum caption_tokenizer tokenizer, const json_t *const *captions, size_t count) {
    struct cutting cutting = {.tokenizer = tokenizer, .captions = captions, .tokens = tokens};
    threads_each(count, cut_one, &cutting);
}
