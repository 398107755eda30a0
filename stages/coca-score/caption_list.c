// Where captions.c puts captions: lines of TSV or a list of JSON, on stdout, in a file that appears when it is whole,
// or at the end of one that is there. Captions are a model's words and are cleaned; names are somebody's files, by
// which captions are found again, so they are spelled in a way that can be read back.
#include "caption_list.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "base/utf8.h"

int caption_list_open(struct caption_list *list, const char *path, enum caption_format format, bool append) {
    *list = (struct caption_list){.format = format, .file = stdout};
    if (!strcmp(path, "-")) return 0;
    list->append = append;
    if (append) {
        list->file = fopen(path, "ae");
        return list->file ? 0 : error(EXIT_RUN, "%s: cannot be written: %s", path, strerror(errno));
    }
    int status = aside_open(&list->aside, path);
    list->file = list->aside.file;
    return status;
}

// COCO's image ids are numbers, and its evaluation compares them as such; img2dataset's keys, 000000001, are texts. So
// a number is only what is spelled as one and fits 64 bits.
static json_t *id_json(const char *name) {
    const int64_t number = strtoimax(name, NULL, 10);
    char spelled[24];
    snprintf(spelled, sizeof spelled, "%" PRId64, number);
    return number >= 0 && !strcmp(spelled, name) ? json_integer(number) : json_string(name);
}

// An item a line, the comma before it: so nothing has to be taken back when the last one has come.
static void add_json(struct caption_list *list, const char *name, const char *caption) {
    json_t *item = json_pack("{s:o, s:s}", "image_id", id_json(name), "caption", caption);
    char *text = json_shown(item, 0);
    fprintf(list->file, "%s%s", list->count ? ",\n " : "[", text);
    free(text);
    json_decref(item);
}

void caption_list_add(struct caption_list *list, const char *name,
                      void (*spell)(struct buffer *out, const char *text, size_t size), const char *caption) {
    struct buffer label = {0}, clean = {0};
    const bool is_whole = list->format == CAPTIONS_JSON && utf8_valid(name, strlen(name));
    spell(&label, name, strlen(name));
    text_clean(&clean, caption, strlen(caption));
    if (list->format == CAPTIONS_JSON)
        add_json(list, is_whole ? name : label.bytes, clean.bytes);
    else
        fprintf(list->file, "%s\t%s\n", label.bytes, clean.bytes);
    list->count++;
    buffer_release(&label);
    buffer_release(&clean);
}

int caption_list_flush(struct caption_list *list) {
    if (!fflush(list->file) && !ferror(list->file)) return 0;
    return error(EXIT_RUN, "captions cannot be written: %s", strerror(errno));
}

// What was appended to is the user's own file: it stays, with whatever came.
int caption_list_close(struct caption_list *list) {
    if (list->format == CAPTIONS_JSON) fputs(list->count ? "]\n" : "[]\n", list->file);
    if (list->file != stdout && !list->append) return aside_commit(&list->aside);
    int status = caption_list_flush(list);
    if (list->file != stdout) fclose(list->file);
    return status;
}

void caption_list_abandon(struct caption_list *list) {
    if (list->append)
        fclose(list->file);
    else if (list->file != stdout)
        aside_abandon(&list->aside);
}
