// The three shapes that CLIP's vocabulary is published in, told apart by their first bytes and read into one (bpe.h):
//
//   bpe_simple_vocab_16e6.txt.gz  a line of title, then pairs. Tokens are the bytes, the bytes at a word's end, one for
//                                 each pair, begin and end; their ids are their order.
//   merges.txt                    a line of title, then pairs, with tokens in vocab.json, {"token": id}
//   tokenizer.json                both, as model.vocab, model.merges of "a b" or ["a", "b"], and added_tokens
//
// vocabulary_clip.c calls, and reports a reason with the path. Nothing in the files is trusted: sizes are bounded, ids
// must be a numbering.
#include "text/clip_files.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "base/json.h"
#include "base/lines.h"

#define CLIP_BYTES_LIMIT (64u << 20)
// What CLIP reads of its list, which goes on: 49,152 tokens less the bytes and two, as its source says.
#define CLIP_PAIRS_USED (49152 - 256 - 2)

enum clip_format clip_format(const void *bytes, size_t size) {
    static const char title[] = "\"bpe_simple_vocab", version[] = "#version";
    const size_t mark = lines_mark(bytes, size);
    const char *text = (const char *)bytes + mark;
    size -= mark;
    if (size > 2 && !memcmp(text, "\x1f\x8b", 2)) return CLIP_MERGES_GZ;
    if (size >= sizeof title && !memcmp(text, title, sizeof title - 1)) return CLIP_MERGES;
    if (size >= sizeof version && !memcmp(text, version, sizeof version - 1)) return CLIP_PAIRS;
    for (size_t i = 0; i < size && i < 64; i++)
        if (!isspace((unsigned char)text[i])) return text[i] == '{' ? CLIP_JSON : CLIP_NONE;
    return CLIP_NONE;
}

static int fail_with(char *reason, const char *text) {
    snprintf(reason, BPE_REASON, "%s", text);
    return -1;
}

static int inflate_all(struct buffer *out, z_stream *stream) {
    char block[1 << 16];
    int status = Z_OK;
    while (status == Z_OK && out->size < CLIP_BYTES_LIMIT) {
        stream->next_out = (Bytef *)block;
        stream->avail_out = sizeof block;
        status = inflate(stream, Z_NO_FLUSH);
        buffer_append(out, block, sizeof block - stream->avail_out);
    }
    return status == Z_STREAM_END ? 0 : -1;
}

// 16 asks zlib for gzip's header. What is unpacked is bounded, as a small file may stand for any amount.
static int gunzip(struct buffer *out, const void *bytes, size_t size, char *reason) {
    z_stream stream = {.next_in = (Bytef *)bytes, .avail_in = (uInt)size};
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) return fail_with(reason, "zlib cannot start");
    int status = inflate_all(out, &stream);
    inflateEnd(&stream);
    return status ? fail_with(reason, "its gzip data is cut, damaged or beyond 64 MiB") : 0;
}

// One line "a b"; an empty one keeps its rank, as CLIP's reader does. Nothing is trimmed but the line's end: a token
// may be any characters, and only blanks part them.
static int add_line(struct bpe_files *files, const char *line, size_t size, char *reason) {
    const char *end = line + size, *blank = memchr(line, ' ', size);
    while (end > line && isspace((unsigned char)end[-1])) end--;
    if (end == line) blank = end = line;
    const char *second = end > line && blank ? blank + 1 : end;
    if (end > line && (!blank || blank == line || second >= end || memchr(second, ' ', (size_t)(end - second)))) {
        snprintf(reason, BPE_REASON, "line %zu is not a pair of tokens", files->first.count + 2);
        return -1;
    }
    strings_add(&files->first, line, (size_t)(blank - line));
    strings_add(&files->second, second, (size_t)(end - second));
    return 0;
}

// The lines behind the title. To CLIP's reader an empty one follows the last end.
static int read_lines(struct bpe_files *files, const char *text, size_t size, size_t limit, bool keeps_empty,
                      char *reason) {
    const char *line;
    size_t length;
    struct lines lines;
    if (memchr(text, 0, size)) return fail_with(reason, "it holds a NUL byte");
    lines_begin(&lines, text, size);
    lines_next(&lines, &line, &length);
    while (files->first.count < limit && lines_next(&lines, &line, &length))
        if ((length || keeps_empty) && add_line(files, line, length, reason)) return -1;
    const bool ends = size && text[size - 1] == '\n';
    return ends && keeps_empty && files->first.count < limit ? add_line(files, "", 0, reason) : 0;
}

static void add_bytes(struct strings *tokens, const char *end) {
    unsigned char order[256];
    struct buffer text = {0};
    bpe_byte_order(order);
    for (int i = 0; i < 256; i++) {
        buffer_clear(&text);
        bpe_spell(&text, order[i]);
        buffer_text(&text, end);
        strings_add_text(tokens, text.bytes);
    }
    buffer_release(&text);
}

// The order of tokens is CLIP's code, not its file: bytes, bytes at a word's end, pairs, begin, end.
static int read_merges(struct bpe_files *files, const char *text, size_t size, char *reason) {
    if (read_lines(files, text, size, CLIP_PAIRS_USED, true, reason)) return -1;
    add_bytes(&files->token, "");
    add_bytes(&files->token, BPE_WORD_END);
    for (size_t i = 0; i < files->first.count; i++) {
        char *joined = xformat("%s%s", files->first.item[i], files->second.item[i]);
        strings_add_text(&files->token, joined);
        free(joined);
    }
    strings_add_text(&files->token, "<start_of_text>");
    strings_add_text(&files->token, "<end_of_text>");
    return 0;
}

static int read_gz(struct bpe_files *files, const void *bytes, size_t size, char *reason) {
    struct buffer text = {0};
    int status = gunzip(&text, bytes, size, reason);
    if (!status && clip_format(text.bytes, text.size) != CLIP_MERGES)
        status = fail_with(reason, "its first line does not say bpe_simple_vocab");
    if (!status) status = read_merges(files, text.bytes, text.size, reason);
    buffer_release(&text);
    return status;
}

// Tokens by their ids, which must be 0, 1, … n − 1 in any order: `limit` is the number of entries, so an id beyond it
// means a gap elsewhere. A token may be listed both in the vocabulary and as an added one, with the same id.
struct numbering {
    const char **token; // borrowed from the documents
    size_t count, limit;
};

static int number(struct numbering *numbering, const char *token, const json_t *id, char *reason) {
    const json_int_t value = json_integer_value(id);
    if (!json_is_integer(id) || value < 0 || (size_t)value >= numbering->limit) {
        snprintf(reason, BPE_REASON, "token \"%.60s\" has an id that is none, or beyond the number of tokens", token);
        return -1;
    }
    const char *has = numbering->token[value];
    if (has && strcmp(has, token)) {
        snprintf(reason, BPE_REASON, "tokens \"%.50s\" and \"%.50s\" have the same id", has, token);
        return -1;
    }
    numbering->count += !has;
    numbering->token[value] = token;
    return 0;
}

static int number_added(struct numbering *numbering, const json_t *added, char *reason) {
    size_t i;
    json_t *row;
    json_array_foreach(added, i, row) {
        const char *content = json_string_value(json_object_get(row, "content"));
        if (!content) return fail_with(reason, "an added token has no content");
        if (number(numbering, content, json_object_get(row, "id"), reason)) return -1;
    }
    return 0;
}

static int number_all(struct numbering *numbering, json_t *vocab, const json_t *added, char *reason) {
    const char *token;
    json_t *id;
    json_object_foreach(vocab, token, id) {
        if (number(numbering, token, id, reason)) return -1;
    }
    return number_added(numbering, added, reason);
}

static int read_tokens(struct strings *tokens, json_t *vocab, const json_t *added, char *reason) {
    struct numbering numbering = {.limit = json_object_size(vocab) + json_array_size(added)};
    if (!numbering.limit || numbering.limit > BPE_TOKENS_LIMIT) return fail_with(reason, "no tokens, or too many");
    numbering.token = xcalloc(numbering.limit, sizeof *numbering.token);
    int status = number_all(&numbering, vocab, added, reason);
    for (size_t i = 0; i < numbering.count && !status; i++) {
        if (!numbering.token[i])
            status = fail_with(reason, "its ids have a gap");
        else
            strings_add_text(tokens, numbering.token[i]);
    }
    free(numbering.token);
    return status;
}

static int add_json_pair(struct bpe_files *files, const json_t *row, char *reason) {
    const char *line = json_string_value(row), *first = json_string_value(json_array_get(row, 0)),
               *second = json_string_value(json_array_get(row, 1));
    if (line) return add_line(files, line, strlen(line), reason);
    if (!first || !second || !*first) return fail_with(reason, "one of model.merges is no pair of tokens");
    strings_add_text(&files->first, first);
    strings_add_text(&files->second, second);
    return 0;
}

static bool is_text(const json_t *object, const char *key, const char *expected) {
    const char *text = json_string_value(json_object_get(object, key));
    return text && !strcmp(text, expected);
}

// A file of the same shape may hold another kind of tokenizer, which would give ids without complaint: the two words
// that make it CLIP's are asked for.
static int read_tokenizer_json(struct bpe_files *files, const json_t *document, char *reason) {
    const json_t *model = json_object_get(document, "model"), *merges = json_object_get(model, "merges");
    json_t *vocab = json_object_get(model, "vocab");
    if (!is_text(model, "type", "BPE") || !is_text(model, "end_of_word_suffix", BPE_WORD_END))
        return fail_with(reason,
                         "its model is not byte-pair encoding with words that end in " BPE_WORD_END ", as CLIP's");
    if (!json_is_object(vocab) || !json_is_array(merges))
        return fail_with(reason, "it has no model.vocab or model.merges");
    size_t i;
    json_t *row;
    json_array_foreach(merges, i, row) {
        if (add_json_pair(files, row, reason)) return -1;
    }
    return read_tokens(&files->token, vocab, json_object_get(document, "added_tokens"), reason);
}

// vocab.json with the lines of merges.txt, one of which lies beside the other.
static int read_both(struct bpe_files *files, json_t *vocab, const char *lines, size_t size, char *reason) {
    if (clip_format(lines, size) != CLIP_PAIRS) return fail_with(reason, "merges.txt does not begin with #version");
    if (read_lines(files, lines, size, BPE_TOKENS_LIMIT, false, reason)) return -1;
    return read_tokens(&files->token, vocab, NULL, reason);
}

static int read_beside(struct buffer *file, const char *path, const char *name, char *reason) {
    char *other = path_beside(path, name);
    int status = file_exists(other) ? file_read(other, CLIP_BYTES_LIMIT, file) : -1;
    if (status) snprintf(reason, BPE_REASON, "it needs %s beside it", name);
    free(other);
    return status ? -1 : 0;
}

static json_t *parse(const char *bytes, size_t size, char *reason) {
    json_error_t problem;
    json_t *document = json_parse(bytes, size, &problem);
    if (!document) snprintf(reason, BPE_REASON, "line %d: %.120s", problem.line, problem.text);
    return document;
}

static int read_json(struct bpe_files *files, const char *path, const char *bytes, size_t size, struct buffer *more,
                     char *reason) {
    json_t *document = parse(bytes, size, reason);
    int status = document ? 0 : -1;
    if (!status && json_is_object(json_object_get(document, "model"))) // in vocab.json it is a token
        status = read_tokenizer_json(files, document, reason);
    else if (!status && !(status = read_beside(more, path, "merges.txt", reason)))
        status = read_both(files, document, more->bytes, more->size, reason);
    json_decref(document);
    return status;
}

// merges.txt alone has no ids: vocab.json beside it does.
static int read_pairs(struct bpe_files *files, const char *path, const char *bytes, size_t size, struct buffer *more,
                      char *reason) {
    if (read_beside(more, path, "vocab.json", reason)) return -1;
    json_t *vocab = parse(more->bytes ? more->bytes : "", more->size, reason);
    int status = vocab ? read_both(files, vocab, bytes, size, reason) : -1;
    json_decref(vocab);
    return status;
}

int clip_files_read(struct bpe_files *files, const char *path, const void *bytes, size_t size, struct buffer *more,
                    char reason[BPE_REASON]) {
    switch (clip_format(bytes, size)) {
    case CLIP_MERGES_GZ: return read_gz(files, bytes, size, reason);
    case CLIP_MERGES: return read_merges(files, bytes, size, reason);
    case CLIP_PAIRS: return read_pairs(files, path, bytes, size, more, reason);
    case CLIP_JSON: return read_json(files, path, bytes, size, more, reason);
    case CLIP_NONE: break;
    }
    return fail_with(reason, "it is no vocabulary of CLIP's");
}
