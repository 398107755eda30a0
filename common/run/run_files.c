// The list of files stands here alone, for both ends: a name that is not in it is never written.
#include "run/run_files.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "run/places.h"
#include "run/pretrained.h"
#include "run/run_json.h"

#define LIMIT (64 << 20) // bytes of one file

static const char *const names[] = {RUN_JSON,     "model.json", PRETRAINED_TOKENIZER,
                                    "vocab.json", "merges.txt", PRETRAINED_LABELS};

struct message *run_files_pack(void) {
    struct message *message = message_tell(WORD_FILES, (struct unit){0});
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct buffer bytes = {0};
        if (file_exists(names[i]) && !file_read(names[i], LIMIT, &bytes) && bytes.size)
            memcpy(message_add(message, names[i], DT_U8, SHAPE((int64_t)bytes.size)), bytes.bytes, bytes.size);
        buffer_release(&bytes);
    }
    return message;
}

static int write_file(const struct message *message, const char *name, const char *folder) {
    const void *bytes;
    const int64_t size = message_rows(message, name);
    if (!message_find(message, name)) return 0;
    int status = size > LIMIT ? error(EXIT_RUN, "%s sent a %s of %lld bytes", message->from, name, (long long)size) : 0;
    if (!status) status = message_tensor(message, name, DT_U8, SHAPE(size), &bytes);
    if (status) return status;
    char *path = path_join(folder, name);
    status = file_write(path, bytes, (size_t)size);
    free(path);
    return status;
}

int run_files_unpack(const struct message *message, const char *folder) {
    int status = 0;
    if (!message_find(message, RUN_JSON))
        return error(EXIT_RUN, "%s sent no " RUN_JSON ": it conducts no run of a directory", message->from);
    for (size_t i = 0; i < sizeof names / sizeof *names && !status; i++) status = write_file(message, names[i], folder);
    return status;
}
