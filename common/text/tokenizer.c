// What all vocabularies have in common: finding out the kind of a file, begin and end tokens, cutting to T, padding,
// and the comparison with the model's configuration, without which wrong ids would train silently. coca-tokenize
// encodes with it, coca-text-decode decodes captions. Kinds are rows of a table; each turns words into ids and back.
#include "text/tokenizer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "text/vocabulary.h"

#define VOCABULARY_BYTES_LIMIT (64u << 20)
#define CLIP_TOKENS 49408

// More of one caption is never looked at: it could not fill more tokens, only memory.
#define TEXT_BYTES_LIMIT (64u << 10)

struct tokenizer {
    const struct vocabulary *kind;
    void *state;
    struct tokenizer_ids ids;
    uint64_t fingerprint;
};

static const struct vocabulary *const kinds[] = {&vocabulary_sentencepiece, &vocabulary_clip};

static const struct vocabulary *find_kind(const struct buffer *file) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i]->matches(file->bytes, file->size)) return kinds[i];
    return NULL;
}

// By content: vocabularies go by many names.
static int open_bytes(struct tokenizer **tokenizer, const char *path, const struct buffer *file) {
    const struct vocabulary *kind = find_kind(file);
    if (!kind)
        return error(EXIT_DATA,
                     "%s: not a vocabulary; expected a SentencePiece .model file, or CLIP's as "
                     "bpe_simple_vocab_16e6.txt.gz, vocab.json with merges.txt, or tokenizer.json",
                     path);
    char reason[VOCABULARY_REASON] = "";
    struct tokenizer_ids ids;
    struct vocabulary_file vocabulary = {path, file->bytes, file->size, hash_bytes(file->bytes, file->size, 0)};
    void *state = kind->open(&vocabulary, &ids, reason);
    if (!state) return error(EXIT_DATA, "%s: not a valid %s vocabulary: %s", path, kind->name, reason);
    *tokenizer = xmalloc(sizeof **tokenizer);
    **tokenizer = (struct tokenizer){kind, state, ids, vocabulary.fingerprint};
    return 0;
}

int tokenizer_open(struct tokenizer **tokenizer, const char *path) {
    struct buffer file = {0};
    *tokenizer = NULL;
    int status = file_read(path, VOCABULARY_BYTES_LIMIT, &file);
    if (!status) status = open_bytes(tokenizer, path, &file);
    buffer_release(&file);
    return status;
}

void tokenizer_close(struct tokenizer **tokenizer) {
    if (!*tokenizer) return;
    (*tokenizer)->kind->close((*tokenizer)->state);
    free(*tokenizer);
    *tokenizer = NULL;
}

struct tokenizer_ids tokenizer_ids(const struct tokenizer *tokenizer) {
    return tokenizer->ids;
}

uint64_t tokenizer_fingerprint(const struct tokenizer *tokenizer) {
    return tokenizer->fingerprint;
}

// Each difference has the same remedy, so they are rows; the first is reported.
int tokenizer_check(const struct tokenizer *tokenizer, struct tokenizer_ids expected) {
    const struct tokenizer_ids has = tokenizer->ids;
    const struct {
        const char *what;
        int has, expected;
    } row[] = {
        {"vocabulary size", has.vocab_size, expected.vocab_size},
        {"pad id", has.pad, expected.pad},
        {"begin id", has.bos, expected.bos},
        {"end id", has.eos, expected.eos},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (row[i].has != row[i].expected)
            return error(EXIT_USAGE,
                         "the tokenizer's %s is %d, the model's configuration says %d; give the tokenizer the model "
                         "was made with%s, or %s",
                         row[i].what, row[i].has, row[i].expected,
                         expected.vocab_size == CLIP_TOKENS ? " (CLIP's, which data/clip-vocabulary.sh fetches)" : "",
                         tokenizer->kind->remedy);
    return 0;
}

// EOS has its place kept, so that a long text loses words and a caption always ends: the text tower refuses others.
void tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t size, int32_t *tokens, int T) {
    const struct tokenizer_ids ids = tokenizer->ids;
    const bool begins = ids.bos >= 0, ends = ids.eos >= 0;
    if (T < begins + ends) bug("a text of %d tokens has no room for its begin and end", T);
    int count = 0;
    if (begins) tokens[count++] = ids.bos;
    size = utf8_cut(text, size, TEXT_BYTES_LIMIT);
    count += tokenizer->kind->encode(tokenizer->state, text, size, tokens + count, T - count - ends);
    if (ends) tokens[count++] = ids.eos;
    while (count < T) tokens[count++] = ids.pad >= 0 ? ids.pad : 0;
}

// What a model says may be anything: ids outside the vocabulary are left out, and all behind the first EOS.
void tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *tokens, int count, struct buffer *text) {
    const struct tokenizer_ids ids = tokenizer->ids;
    int32_t *words = xmalloc((size_t)count * sizeof *words + 1);
    int word_count = 0;
    for (int t = 0; t < count && !(ids.eos >= 0 && tokens[t] == ids.eos); t++) {
        const bool pads = tokens[t] == ids.pad && !tokenizer->kind->pads_with_words;
        if (tokens[t] >= 0 && tokens[t] < ids.vocab_size && tokens[t] != ids.bos && !pads)
            words[word_count++] = tokens[t];
    }
    tokenizer->kind->decode(tokenizer->state, words, word_count, text);
    free(words);
}
