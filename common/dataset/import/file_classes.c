// There are 50,000 names and more, so they are sorted and searched. A list of classes alone, as ImageNet's devkit has
// it, means pictures by their order: one that is missing would shift all behind it, so their count must be the list's.
#include "dataset/import/file_classes.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "base/lines.h"
#include "base/text.h"
#include "dataset/import/sorted.h"

#define FILE_BYTES_LIMIT (256u << 20)

static bool has_picture_suffix(const struct importer *importer, const char *name, size_t *stem) {
    const char *dot = strrchr(name, '.');
    struct buffer suffix = {0};
    buffer_text(&suffix, "");
    if (dot) text_lower(&suffix, dot + 1, strlen(dot + 1));
    const bool has = dot && importer_key(&importer->image_keys, suffix.bytes, suffix.size) >= 0;
    *stem = has ? (size_t)(dot - name) : strlen(name);
    buffer_release(&suffix);
    return has;
}

// Lines in the file's order: `names` has those that lines begin with, none of a list of classes alone.
struct listed {
    struct strings names, classes;
};

static void add_line(struct listed *listed, const struct importer *importer, const char *line, size_t size) {
    char *text = xstrndup(line, size);
    const size_t name = strcspn(text, "\t, "), blank = strspn(text + name, "\t, ");
    const char *class = text[name + blank] ? text + name + blank : text;
    size_t stem;
    if (name && class != text) {
        text[name] = 0;
        has_picture_suffix(importer, text, &stem);
        strings_add(&listed->names, text, stem);
    }
    strings_add(&listed->classes, class, strcspn(class, "\t, "));
    free(text);
}

static int read_lines(struct listed *listed, const struct importer *importer, const char *path) {
    static const char kaggle[] = "ImageId,";
    struct buffer text = {0};
    struct lines lines;
    const char *line;
    size_t size;
    int status = file_read(path, FILE_BYTES_LIMIT, &text);
    lines_begin(&lines, text.bytes, text.size);
    while (!status && lines_next(&lines, &line, &size)) {
        const bool is_header = lines.number == 1 && size >= strlen(kaggle) && !memcmp(line, kaggle, strlen(kaggle));
        if (size && !is_header) add_line(listed, importer, line, size);
        if (listed->names.count && listed->names.count != listed->classes.count)
            status = error(EXIT_DATA, "%s: line %lld: some lines have a picture's name and a class, others one of them",
                           path, (long long)lines.number);
    }
    buffer_release(&text);
    if (!status && !listed->classes.count) status = error(EXIT_DATA, "%s: holds no class", path);
    return status;
}

static int list_pictures(struct strings *stems, const struct importer *importer, const char *root) {
    struct strings names = {0};
    int status = directory_list(root, &names);
    sorted(&names);
    for (size_t i = 0; i < names.count; i++) {
        size_t stem;
        if (has_picture_suffix(importer, names.item[i], &stem)) strings_add(stems, names.item[i], stem);
    }
    strings_release(&names);
    return status;
}

static int name_classes(struct listed *listed, const struct importer *importer, const char *path, const char *root) {
    if (listed->names.count) return 0;
    int status = list_pictures(&listed->names, importer, root);
    if (!status && listed->names.count != listed->classes.count)
        status = error(EXIT_DATA,
                       "%s: has %zu classes without names, and %s %zu pictures: lines of a name and a class are needed",
                       path, listed->classes.count, root, listed->names.count);
    return status;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct file_class *)a)->name, ((const struct file_class *)b)->name);
}

static int sort(struct file_classes *files, const struct listed *listed, const char *path) {
    files->count = listed->classes.count;
    files->entry = xcalloc(files->count + 1, sizeof *files->entry);
    for (size_t i = 0; i < files->count; i++)
        files->entry[i] = (struct file_class){xstrdup(listed->names.item[i]), xstrdup(listed->classes.item[i])};
    qsort(files->entry, files->count, sizeof *files->entry, by_name);
    for (size_t i = 1; i < files->count; i++)
        if (!by_name(&files->entry[i - 1], &files->entry[i]))
            return error(EXIT_DATA, "%s: the picture %s stands in it twice", path, files->entry[i].name);
    return 0;
}

int file_classes_read(struct file_classes *files, const struct importer *importer, const char *path, const char *root) {
    struct listed listed = {0};
    int status = read_lines(&listed, importer, path);
    if (!status) status = name_classes(&listed, importer, path, root);
    if (!status) status = sort(files, &listed, path);
    strings_release(&listed.names);
    strings_release(&listed.classes);
    return status;
}

void file_classes_release(struct file_classes *files) {
    for (size_t i = 0; i < files->count; i++) {
        free(files->entry[i].name);
        free(files->entry[i].class);
    }
    free(files->entry);
    *files = (struct file_classes){0};
}

const char *file_classes_find(const struct file_classes *files, const char *name) {
    const struct file_class key = {.name = (char *)name};
    const struct file_class *found =
        files->count ? bsearch(&key, files->entry, files->count, sizeof key, by_name) : NULL;
    return found ? found->class : NULL;
}
