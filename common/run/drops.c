// The samples that a run could not have, each once: loss hears of them with every step (norm), also again and again,
// when an epoch comes round or a run resumes. The ids that stand in the file are kept in memory, sorted.
#include "run/drops.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "run/samples.h"

struct drops {
    char *path;
    int64_t *id; // ascending: every record that stands in the file
    size_t count, capacity;
    int64_t dropped; // rows replaced in this process, repeated records included
};

// The place of `id`, or where it belongs.
static size_t place_of(const struct drops *drops, int64_t id) {
    size_t low = 0, high = drops->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (drops->id[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// False when the record was known already.
static bool remember(struct drops *drops, int64_t id) {
    size_t at = place_of(drops, id);
    if (at < drops->count && drops->id[at] == id) return false;
    if (drops->count == drops->capacity) {
        drops->capacity = drops->capacity ? 2 * drops->capacity : 64;
        drops->id = xrealloc_array(drops->id, drops->capacity, sizeof *drops->id);
    }
    memmove(&drops->id[at + 1], &drops->id[at], (drops->count - at) * sizeof *drops->id);
    drops->id[at] = id;
    drops->count++;
    return true;
}

static int read_known(struct drops *drops) {
    struct buffer text = {0};
    if (!file_exists(drops->path)) return 0;
    int status = file_read(drops->path, SIZE_MAX, &text);
    for (char *line = text.bytes, *end; !status && line && *line; line = end ? end + 1 : NULL) {
        end = strchr(line, '\n');
        json_t *object = json_loadb(line, end ? (size_t)(end - line) : strlen(line), 0, NULL);
        const json_t *id = json_object_get(object, "id");
        if (json_is_integer(id)) remember(drops, json_integer_value(id));
        json_decref(object);
    }
    buffer_release(&text);
    return status;
}

int drops_open(struct drops **drops, const char *path) {
    *drops = xcalloc(1, sizeof **drops);
    (*drops)->path = xstrdup(path);
    return read_known(*drops);
}

void drops_close(struct drops **drops) {
    if (!*drops) return;
    free((*drops)->path);
    free((*drops)->id);
    free(*drops);
    *drops = NULL;
}

static int append(const struct drops *drops, json_t *object, int64_t step) {
    json_object_set_new(object, "step", json_integer(step));
    char *line = json_shown(object, 0);
    FILE *file = fopen(drops->path, "a");
    bool written = file && fprintf(file, "%s\n", line) > 0;
    if (file && fclose(file)) written = false;
    free(line);
    return written ? 0 : error(EXIT_RUN, "%s: cannot be written: %s", drops->path, strerror(errno));
}

static int add_line(struct drops *drops, const char *line, const char *from, int64_t step) {
    json_t *object = json_loads(line, 0, NULL);
    const json_t *id = json_object_get(object, "id");
    int status = 0;
    if (!json_is_integer(id))
        status = error(EXIT_RUN, "%s: step %" PRId64 ": a dropped sample is reported without \"id\"", from, step);
    else if (remember(drops, json_integer_value(id)))
        status = append(drops, object, step);
    drops->dropped++;
    json_decref(object);
    return status;
}

int drops_add(struct drops *drops, const struct message *message, int64_t step) {
    int status = 0;
    const char *line;
    for (int i = 0; !status && (line = message_string(message, TENSOR_DROPS, i)); i++)
        status = add_line(drops, line, message->from, step);
    return status;
}

#define JUDGED_FROM 100 // samples: before, one bad record would be a large share

int drops_check(const struct drops *drops, int64_t samples, double limit) {
    if (samples < JUDGED_FROM || (double)drops->dropped <= limit * (double)samples) return 0;
    return error(EXIT_RUN,
                 "%" PRId64 " of %" PRId64 " samples did not decode or had no text, more than --max-drop-rate %g; "
                 "%s names them, coca-pack verify looks at a whole dataset",
                 drops->dropped, samples, limit, drops->path);
}
