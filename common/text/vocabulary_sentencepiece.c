// SentencePiece models, which train on any text without rules for words: the paper's family has one, trained by our
// recipes. A row of tokenizer.c's table; the library is behind sp_model.h.
#include "text/sp_model.h"
#include "text/vocabulary.h"

_Static_assert(VOCABULARY_REASON >= SP_REASON, "a reason fits");

// A serialised ModelProto begins with its first piece: protobuf field 1, length-delimited.
static bool matches(const void *bytes, size_t size) {
    return size > 1 && *(const unsigned char *)bytes == 0x0a;
}

static void *open_model(struct vocabulary_file *file, struct tokenizer_ids *ids, char reason[VOCABULARY_REASON]) {
    struct sp_model *model = sp_model_new(file->bytes, file->size, reason);
    if (!model) return NULL;
    const struct sp_ids has = sp_model_ids(model);
    *ids = (struct tokenizer_ids){.vocab_size = has.size, .pad = has.pad, .bos = has.bos, .eos = has.eos};
    return model;
}

static void close_model(void *state) {
    sp_model_free(state);
}

static int encode(const void *state, const char *text, size_t size, int32_t *ids, int capacity) {
    return sp_model_encode(state, text, size, ids, capacity);
}

static void append(void *text, const char *bytes, size_t size) {
    buffer_append(text, bytes, size);
}

static void decode(const void *state, const int32_t *ids, int count, struct buffer *text) {
    sp_model_decode(state, ids, count, append, text);
}

const struct vocabulary vocabulary_sentencepiece = {
    .name = "SentencePiece",
    .remedy = "train one with spm_train --vocab_size, --pad_id, --bos_id, --eos_id",
    .matches = matches,
    .open = open_model,
    .close = close_model,
    .encode = encode,
    .decode = decode,
};
