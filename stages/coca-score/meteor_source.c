// Five files of lines, the longest 5 million entries, compressed or not: zlib reads both. Lines come one by one, as the
// paraphrases are 272 MB of text.
#include "meteor_source.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"

#define LINE_LIMIT (1 << 16)

struct source {
    const char *path;
    gzFile file;
    long number; // of the line taken last
    char line[LINE_LIMIT];
};

static int refuse(const struct source *source, const char *why) {
    return error(EXIT_DATA, "%s: line %ld: %s", source->path, source->number, why);
}

// 1 with a line, 0 at the end, -EXIT_DATA.
static int next(struct source *source) {
    int status = Z_OK;
    source->number++;
    if (!gzgets(source->file, source->line, sizeof source->line)) {
        gzerror(source->file, &status);
        return status == Z_OK || status == Z_STREAM_END ? 0 : refuse(source, "its gzip data are cut or damaged");
    }
    const size_t size = strlen(source->line);
    if (size + 1 == sizeof source->line) return refuse(source, "is longer than a line of METEOR's may be");
    source->line[strcspn(source->line, "\r\n")] = 0;
    return 1;
}

// The line that must follow.
static int next_of_entry(struct source *source) {
    const int status = next(source);
    return status ? (status < 0 ? status : 0) : refuse(source, "is missing: the file ends within an entry");
}

// Cuts the line's first word off, NULL when there is none.
static char *word_of(char **line) {
    static const char blanks[] = " \t";
    char *word = *line + strspn(*line, blanks), *end = word + strcspn(word, blanks);
    *line = *end ? end + 1 : end;
    *end = 0;
    return *word ? word : NULL;
}

static int read_function_word(struct meteor_made *made, struct source *source) {
    if (*source->line) meteor_made_mark(made, source->line, METEOR_FUNCTION);
    return 0;
}

static int read_prefix(struct meteor_made *made, struct source *source) {
    char *line = source->line, *prefix = word_of(&line);
    if (!prefix || *prefix == '#') return 0;
    const char *kind = word_of(&line);
    const bool number = kind && !strcmp(kind, "#NUMERIC_ONLY#");
    meteor_made_mark(made, prefix, number ? METEOR_BEFORE_DOT_AND_NUMBER : METEOR_BEFORE_DOT);
    return 0;
}

// A word, then a line of sets.
static int read_synsets(struct meteor_made *made, struct source *source) {
    char *word = xstrdup(source->line);
    int status = next_of_entry(source);
    char *line = source->line;
    for (const char *set; !status && (set = word_of(&line));) {
        char *end;
        const unsigned long number = strtoul(set, &end, 10);
        if (*end || number > UINT32_MAX)
            status = refuse(source, "is not a list of numbers");
        else
            meteor_made_synset(made, word, (uint32_t)number);
    }
    free(word);
    return status;
}

// A base form, then a line of its forms.
static int read_exceptions(struct meteor_made *made, struct source *source) {
    char *base = xstrdup(source->line);
    int status = next_of_entry(source);
    char *line = source->line;
    for (const char *form; !status && (form = word_of(&line));) meteor_made_base(made, form, base);
    free(base);
    return status;
}

// Words with one blank between, or nothing.
static void single_blanks(struct buffer *out, char *line) {
    buffer_clear(out);
    buffer_text(out, "");
    for (const char *word; (word = word_of(&line));) {
        if (out->size) buffer_text(out, " ");
        buffer_text(out, word);
    }
}

// A probability, a phrase, its paraphrase.
static int read_paraphrase(struct meteor_made *made, struct source *source) {
    struct buffer phrase = {0}, paraphrase = {0};
    int status = next_of_entry(source);
    if (!status) single_blanks(&phrase, source->line);
    if (!status) status = next_of_entry(source);
    if (!status) single_blanks(&paraphrase, source->line);
    if (!status && (!phrase.size || !paraphrase.size)) status = refuse(source, "belongs to an entry without words");
    if (!status) meteor_made_paraphrase(made, phrase.bytes, paraphrase.bytes);
    buffer_release(&phrase);
    buffer_release(&paraphrase);
    return status;
}

typedef int read_entry(struct meteor_made *made, struct source *source);

static int read_file(struct meteor_made *made, const char *path, read_entry *read) {
    struct source *source = xcalloc(1, sizeof *source);
    int status;
    source->path = path;
    source->file = gzopen(path, "rb");
    if (!source->file) {
        free(source);
        return error(EXIT_DATA, "%s: cannot be opened; it is a file of METEOR 1.5", path);
    }
    while ((status = next(source)) > 0 && !(status = read(made, source))) continue;
    gzclose(source->file);
    free(source);
    return status;
}

int meteor_source_read(struct meteor_made *made, const char *folder) {
    static const struct {
        const char *name;
        read_entry *read;
    } files[] = {
        {"function/english.words", read_function_word}, {"nonbreaking/english.prefixes", read_prefix},
        {"synonym/english.synsets", read_synsets},      {"synonym/english.exceptions", read_exceptions},
        {"data/paraphrase-en.gz", read_paraphrase},
    };
    int status = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files && !status; i++) {
        char *path = path_join(folder, files[i].name);
        status = read_file(made, path, files[i].read);
        free(path);
    }
    return status;
}
