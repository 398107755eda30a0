// Class numbers mean nothing without names, so these travel with the records: from the source's own, from what the
// format knows (SNLI-VE's three), from the user's. CLIP_benchmark's lists lie in the root, above the split; zero-shot
// evaluation looks for them in the dataset. Datasets that are joined keep a list only if all of them have the same.
#include "lists.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"

static const char *const copied[] = {"classnames.txt", "zeroshot_classification_templates.txt", "dataset_type.txt",
                                     "answers.txt"};

// The list of a tar root: in it, or above its split. NULL: it has none. The caller frees.
static char *find_benchmark(const char *root, const char *name) {
    char *in = xformat("%s/%s", root, name), *above = xformat("%s/../%s", root, name);
    char *found = file_exists(in) ? in : file_exists(above) ? above : NULL;
    if (found != in) free(in);
    if (found != above) free(above);
    return found;
}

// The list that all datasets have alike. NULL: there is none. The caller frees.
static char *find_shared(const struct strings *paths, const char *name) {
    uint64_t first = 0, hash = 0;
    bool same = true;
    for (size_t i = 0; i < paths->count && same; i++) {
        char *path = path_join(paths->item[i], name);
        same = file_exists(path) && !hash_file(path, &hash) && (!i || hash == first);
        if (!i) first = hash;
        free(path);
    }
    return same && paths->count ? path_join(paths->item[0], name) : NULL;
}

static int copy(const struct lists *lists, const char *directory, const char *name) {
    char *from = lists->is_benchmark ? find_benchmark(lists->paths->item[0], name)
                 : lists->is_dataset ? find_shared(lists->paths, name)
                                     : NULL;
    char *to = path_join(directory, name);
    int status = from ? file_copy(from, to) : 0;
    free(from);
    free(to);
    return status;
}

static int write_class_names(const struct strings *names, const char *directory) {
    struct buffer text = {0};
    char *path = path_join(directory, "classnames.txt");
    for (size_t i = 0; i < names->count; i++) buffer_format(&text, "%s\n", names->item[i]);
    int status = text.size ? file_write(path, text.bytes, text.size) : 0;
    buffer_release(&text);
    free(path);
    return status;
}

// A list that came with the records is the one that a model was trained with: it is not made anew.
static int write_answers(const struct lists *lists, const char *directory) {
    char *path = path_join(directory, "answers.txt");
    int status = 0;
    if (lists->answers->questions && !file_exists(path))
        status = answers_write(lists->answers, lists->least_questions, path);
    free(path);
    return status;
}

int lists_write(const struct lists *lists, const char *directory) {
    int status = 0;
    for (size_t i = 0; i < sizeof copied / sizeof *copied && !status; i++) status = copy(lists, directory, copied[i]);
    if (!status) status = write_class_names(lists->class_names, directory);
    if (!status) status = write_answers(lists, directory);
    return status;
}
