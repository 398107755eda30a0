// Texts to ids: how many a second, and the ids themselves for whoever compares them (check_tokenizer.py).
//
//     bench_tokenizer VOCABULARY TEXTS IDS
//
// TEXTS holds texts, each behind its size in bytes as 32 bits, little endian; IDS gets for each the number of its ids,
// then these. Without arguments it uses data/vocabulary/clip.txt.gz when that is there.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "text/tokenizer.h"

enum { T = 1 << 15, TEXTS_LIMIT = 1 << 30 };

static int count_until(const int32_t *tokens, int32_t eos) {
    int count = 0;
    while (tokens[count] != eos) count++;
    return count + 1;
}

static void encode_all(const struct tokenizer *tokenizer, const struct buffer *texts, struct buffer *out) {
    static int32_t tokens[T];
    const int32_t eos = tokenizer_ids(tokenizer).eos;
    for (size_t at = 0; at + 4 <= texts->size;) {
        uint32_t size;
        memcpy(&size, texts->bytes + at, 4);
        at += 4;
        if (size > texts->size - at) die(EXIT_DATA, "the texts are cut");
        tokenizer_encode(tokenizer, texts->bytes + at, size, tokens, T);
        const int32_t count = count_until(tokens, eos);
        buffer_append(out, &count, 4);
        buffer_append(out, tokens, 4 * (size_t)count);
        at += size;
    }
}

static int run(const char *vocabulary, const char *texts_path, const char *ids_path) {
    struct tokenizer *tokenizer;
    struct buffer texts = {0}, ids = {0};
    int status = tokenizer_open(&tokenizer, vocabulary);
    if (status) return -status;
    status = file_read(texts_path, TEXTS_LIMIT, &texts);
    const double start = clock_seconds();
    if (!status) encode_all(tokenizer, &texts, &ids);
    const double seconds = clock_seconds() - start;
    if (!status) status = file_write(ids_path, ids.bytes, ids.size);
    printf("%.1f MB of text in %.2f s: %.2f MB/s\n", (double)texts.size / 1e6, seconds,
           (double)texts.size / 1e6 / seconds);
    tokenizer_close(&tokenizer);
    buffer_release(&texts);
    buffer_release(&ids);
    return -status;
}

static int captions(const char *vocabulary) {
    enum { CAPTIONS = 200000 };
    static const char *const caption[] = {"a photo of a cat sitting on a wooden table",
                                          "Two DOGS playing in the snow, winter 2019", "Café près de l’église — été",
                                          "vintage &amp; retro poster, 50% off!"};
    int32_t tokens[77];
    struct tokenizer *tokenizer;
    int status = tokenizer_open(&tokenizer, vocabulary);
    if (status) return -status;
    const double start = clock_seconds();
    for (int i = 0; i < CAPTIONS; i++) tokenizer_encode(tokenizer, caption[i % 4], strlen(caption[i % 4]), tokens, 77);
    printf("%.0f captions a second\n", CAPTIONS / (clock_seconds() - start));
    tokenizer_close(&tokenizer);
    return 0;
}

int main(int argc, char **argv) {
    static const char vocabulary[] = "data/vocabulary/bpe_simple_vocab_16e6.txt.gz";
    if (argc == 4) return run(argv[1], argv[2], argv[3]);
    if (file_exists(vocabulary)) return captions(vocabulary);
    printf("skipped: %s is not there; data/clip-vocabulary.sh fetches it\n", vocabulary);
    return 0;
}
