// Where --stop-at ends a caption: by its tail, behind the token where its whole text has the words first.
#include "../../../stages/coca-text-decode/text_decode.h"
#include "../base/support.h"
#include "base/random.h"

#define SENTENCE_PIECE "unit/text/data/tiny.model"
#define CLIP "unit/text/clip/small.txt.gz"
enum { T = 48, CAPTIONS = 400 };

static struct text_decode self;

static void open_vocabulary(const char *path, const char *stop) {
    self = (struct text_decode){.decoding = {.stop_at = (char *)stop}};
    assert_int_equal(tokenizer_open(&self.tokenizer, path), 0);
    const struct tokenizer_ids ids = tokenizer_ids(self.tokenizer);
    self.base.part.config.text =
        (struct text_config){.context_length = T, .pad_id = ids.pad, .bos_id = ids.bos, .eos_id = ids.eos};
}

static void close_vocabulary(void) {
    tokenizer_close(&self.tokenizer);
    buffer_release(&self.captioner.tail);
}

// BOS and random words; the vocabulary's unknown token, which has no text, is none. -> how many tokens
static int fill(int32_t *token, struct random_key key) {
    const struct tokenizer_ids ids = tokenizer_ids(self.tokenizer);
    const int length = 2 + (int)random_below(key, 0, T - 2);
    token[0] = ids.bos;
    for (int t = 1; t < length; t++) {
        token[t] = 4 + (int32_t)random_below(key, (uint64_t)t, (uint64_t)ids.vocab_size - 4);
        if (token[t] == ids.bos || token[t] == ids.eos) token[t] = 5;
    }
    for (int t = length; t < T; t++) token[t] = ids.pad;
    return length;
}

// Some bytes of the whole text, none of a letter that was broken off.
static bool choose_stop(char stop[16], const char *text, struct random_key key) {
    const size_t size = strlen(text), length = 1 + random_below(key, 100, 8);
    if (size < length) return false;
    const size_t at = random_below(key, 101, size - length + 1);
    snprintf(stop, 16, "%.*s", (int)length, text + at);
    return !strstr(stop, "\xEF") && !strstr(stop, "\xBF") && !strstr(stop, "\xBD");
}

// By reading the whole of each beginning; beyond `length`: none has it.
static int first_with(const int32_t *token, int length, const char *stop) {
    struct buffer text = {0};
    int n = 1;
    for (bool found = false; n <= length && !found; n += !found) {
        buffer_clear(&text);
        tokenizer_decode(self.tokenizer, token, n, &text);
        found = text.size && strstr(text.bytes, stop);
    }
    buffer_release(&text);
    return n;
}

static void check_caption(const int32_t *token, int length, const char *whole, const char *stop) {
    struct buffer text = {0};
    int stopped = 1;
    while (stopped <= length && !caption_stops(&self, token, stopped)) stopped++;
    if (stopped != first_with(token, length, stop)) fail_msg("\"%s\": \"%s\" ends it at %d", whole, stop, stopped);
    caption_text(&self, token, &text);
    const size_t end = (size_t)(strstr(whole, stop) - whole) + strlen(stop);
    assert_int_equal(text.size, end);
    assert_memory_equal(text.bytes, whole, end);
    buffer_release(&text);
}

static void check_vocabulary(const char *path) {
    char stop[16] = "";
    int checked = 0, within = 0;
    open_vocabulary(path, stop);
    for (uint64_t i = 0; i < CAPTIONS; i++) {
        int32_t token[T];
        struct buffer whole = {0};
        const struct random_key key = random_subkey(random_key(1, path), i);
        const int length = fill(token, key);
        tokenizer_decode(self.tokenizer, token, length, &whole);
        if (whole.size && choose_stop(stop, whole.bytes, key)) {
            check_caption(token, length, whole.bytes, stop);
            checked++;
            within += first_with(token, length, stop) < length;
        }
        buffer_release(&whole);
    }
    assert_true(checked > CAPTIONS / 4 && within > CAPTIONS / 8);
    close_vocabulary();
}

static void sentence_piece_captions_end_where_their_text_has_it(void **state) {
    (void)state;
    check_vocabulary(SENTENCE_PIECE);
}

static void clip_captions_end_where_their_text_has_it(void **state) {
    (void)state;
    check_vocabulary(CLIP);
}

static void a_text_without_it_is_whole(void **state) {
    (void)state;
    int32_t token[T];
    struct buffer text = {0};
    open_vocabulary(SENTENCE_PIECE, "#");
    const int length = fill(token, random_key(2, "whole"));
    for (int n = 1; n <= length; n++) assert_false(caption_stops(&self, token, n));
    caption_text(&self, token, &text);
    assert_true(text.size > 0);
    buffer_release(&text);
    close_vocabulary();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentence_piece_captions_end_where_their_text_has_it),
        cmocka_unit_test(clip_captions_end_where_their_text_has_it),
        cmocka_unit_test(a_text_without_it_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
