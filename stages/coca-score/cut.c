// How a caption becomes words decides its scores as much as its words do: numbers can be compared with published ones
// behind the tokenizer of COCO's evaluation only. Captions that are tokens already are taken as they are.
#include "cut.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/machine.h"
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
    size_t count;
    atomic_size_t next;
};

static void *cut_some(void *context) {
    struct cutting *cutting = context;
    struct buffer tokens = {0};
    for (size_t i; (i = atomic_fetch_add(&cutting->next, 1)) < cutting->count;) {
        const json_t *caption = cutting->captions[i];
        caption_cut(&tokens, cutting->tokenizer, json_string_value(caption), json_string_length(caption));
        cutting->tokens[i] = xstrndup(tokens.bytes, tokens.size);
    }
    buffer_release(&tokens);
    return NULL;
}

// Fewer threads than wanted are slower, and nothing else.
void captions_cut(char **tokens, enum caption_tokenizer tokenizer, const json_t *const *captions, size_t count) {
    struct cutting cutting = {.tokenizer = tokenizer, .captions = captions, .tokens = tokens, .count = count};
    pthread_t *thread = xcalloc((size_t)machine_cores(), sizeof *thread);
    int threads = 0;
    while (threads + 1 < machine_cores() && !pthread_create(&thread[threads], NULL, cut_some, &cutting)) threads++;
    cut_some(&cutting);
    while (threads) pthread_join(thread[--threads], NULL);
    free(thread);
}
