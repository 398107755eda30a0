// Where captions.c puts captions: lines of TSV or a list of JSON, on stdout, in a file that appears when it is whole,
// or at the end of one that is there. Captions are a model's words and names somebody's files, so both are cleaned
// first.
#include "caption_list.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

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

// COCO's image ids are numbers, and its evaluation compares them as such. 18 digits always fit.
static bool is_number(const char *name) {
    const size_t length = strlen(name);
    for (size_t i = 0; i < length; i++)
        if (!isdigit((unsigned char)name[i])) return false;
    return length > 0 && length < 19;
}

// An item a line, the comma before it: so nothing has to be taken back when the last one has come.
static void add_json(struct caption_list *list, const char *name, const char *caption) {
    json_t *id = is_number(name) ? json_integer(atoll(name)) : json_string(name);
    json_t *item = json_pack("{s:o, s:s}", "image_id", id, "caption", caption);
    char *text = json_dumps(item, 0);
    fprintf(list->file, "%s%s", list->count ? ",\n " : "[", text);
    free(text);
    json_decref(item);
}

void caption_list_add(struct caption_list *list, const char *name, const char *caption) {
    struct buffer clean_name = {0}, clean = {0};
    text_clean(&clean_name, name, strlen(name));
    text_clean(&clean, caption, strlen(caption));
    const char *label = clean_name.size ? clean_name.bytes : "", *text = clean.size ? clean.bytes : "";
    if (list->format == CAPTIONS_JSON)
        add_json(list, label, text);
    else
        fprintf(list->file, "%s\t%s\n", label, text);
    list->count++;
    buffer_release(&clean_name);
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
