// --caption-embeddings: captions as their readers will embed them, from their texts. So they are tokenized anew: what a
// search chose need not be how a tokenizer would cut the same words.
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text_decode.h"

static struct tower_plan plan_of(int64_t microbatch) {
    return (struct tower_plan){.batch = (int)microbatch, .sets = 1};
}

int64_t caption_embeddings_bytes(const struct text_decode *self, int64_t microbatch) {
    const struct part *part = &self->base.part;
    return self->said.caption_embeddings ? text_tower_bytes(&part->config, part->ops, plan_of(microbatch)) : 0;
}

void caption_embeddings_open(struct text_decode *self) {
    const struct model_config *config = &self->base.part.config;
    const int64_t B = self->base.run.options.microbatch;
    self->captioner.tower = text_tower_new(config, self->base.part.params, plan_of(B));
    self->captioner.tokens = xcalloc((size_t)(B * config->text.context_length), sizeof *self->captioner.tokens);
}

void caption_embeddings_close(struct text_decode *self) {
    if (self->captioner.tower) text_tower_free(&self->captioner.tower);
    free(self->captioner.tokens);
}

// coca-tokenize drops such a text, and its row of embeddings is zero.
static bool has_no_words(const char *text) {
    const size_t size = strlen(text);
    return strspn(text, " \t\n\v\f\r") == size || !utf8_valid(text, size);
}

// So many at once as coca-tokenize would hand on.
static int make_some(struct text_decode *self, char *const *text, int count, float *embedding) {
    const struct model_config *config = &self->base.part.config;
    const int T = config->text.context_length;
    const size_t E = (size_t)config->embed_dim;
    int32_t *tokens = self->captioner.tokens;
    for (int i = 0; i < count; i++)
        tokenizer_encode(self->tokenizer, text[i], has_no_words(text[i]) ? 0 : strlen(text[i]), tokens + i * T, T);
    int status = text_tower_forward(self->captioner.tower, 0, count, tokens, embedding);
    for (int i = 0; i < count; i++)
        if (has_no_words(text[i])) memset(embedding + (size_t)i * E, 0, E * sizeof *embedding);
    return status;
}

int caption_embeddings_make(struct text_decode *self, const struct strings *texts, float *embedding) {
    const int count = (int)texts->count, most = (int)self->base.run.options.microbatch;
    int status = 0;
    for (int first = 0; first < count && !status; first += most)
        status = make_some(self, texts->item + first, count - first < most ? count - first : most,
                           embedding + (int64_t)first * self->base.part.config.embed_dim);
    return status;
}
