// The list of losses that wait for their end, and the file of those that have it. Who was lost is coca-run's to say,
// what it cost coca-loss's; each writes what it knows and leaves the rest as it is. Times are those of the wall's
// clock, since the processes of a run need not have a host in common.
#include "run/incidents.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"

#define WAITING "incident.json"
#define KEPT "incidents.jsonl"
enum { LIMIT = 1 << 20 };

static double wall_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// Milliseconds say enough.
static json_t *seconds(double value) {
    return json_real((double)(int64_t)(1000 * value + 0.5) / 1000);
}

// ---- the list

// *list NULL: nothing waits.
static int read_list(const char *path, json_t **list) {
    *list = NULL;
    if (!file_exists(path)) return 0;
    *list = json_read(path, LIMIT);
    if (json_is_array(*list)) return 0;
    json_decref(*list);
    *list = NULL;
    return error(EXIT_DATA, "%s: not a list of incidents; remove it", path);
}

int incident_add(const char *run_directory, const struct incident *incident) {
    char *path = path_join(run_directory, WAITING);
    json_t *list;
    int status = read_list(path, &list);
    if (!list) list = json_array();
    json_array_append_new(list, json_pack("{s:o, s:s, s:i, s:s, s:i}", "time", seconds(wall_seconds() - incident->ago),
                                          "lost", incident->lost, "pid", incident->pid, "how", incident->how,
                                          "restarts", incident->restarts));
    if (!status) status = json_write(path, list);
    json_decref(list);
    free(path);
    return status;
}

int incidents_resume(const char *run_directory, int64_t generation, int64_t reached, int64_t back) {
    char *path = path_join(run_directory, WAITING);
    json_t *list, *entry;
    size_t i;
    int status = read_list(path, &list);
    json_array_foreach(list, i, entry) {
        if (json_object_get(entry, "generation")) continue;
        json_object_set_new(entry, "generation", json_integer(generation));
        json_object_set_new(entry, "reached", json_integer(reached));
        json_object_set_new(entry, "back", json_integer(back));
    }
    if (!status && list) status = json_write(path, list);
    json_decref(list);
    free(path);
    return status;
}

// ---- their ends

struct incidents {
    json_t *list;
};

static double since(const json_t *entry) {
    return wall_seconds() - json_number_value(json_object_get(entry, "time"));
}

struct incidents *incidents_open(void) {
    struct incidents *incidents = xcalloc(1, sizeof *incidents);
    json_t *entry;
    size_t i;
    if (read_list(WAITING, &incidents->list) || !incidents->list) incidents_free(&incidents);
    if (!incidents) return NULL;
    json_array_foreach(incidents->list, i, entry) json_object_set_new(entry, "up", seconds(since(entry)));
    return incidents;
}

void incidents_free(struct incidents **incidents) {
    if (*incidents) json_decref((*incidents)->list);
    free(*incidents);
    *incidents = NULL;
}

static int64_t integer_of(const json_t *entry, const char *key) {
    return json_integer_value(json_object_get(entry, key));
}

static const char *text_of(const json_t *entry, const char *key) {
    const char *text = json_string_value(json_object_get(entry, key));
    return text ? text : "?";
}

static void tell(const json_t *entry) {
    note("lost %s (%s) at step %" PRId64 "; back at step %" PRId64 " in %.1f s, where it was after %.1f s",
         text_of(entry, "lost"), text_of(entry, "how"), integer_of(entry, "reached"), integer_of(entry, "back"),
         json_number_value(json_object_get(entry, "up")), json_number_value(json_object_get(entry, "regained")));
}

static int keep(const json_t *entry) {
    char *line = json_dumps(entry, JSON_REAL_PRECISION(15));
    FILE *file = fopen(KEPT, "ae");
    bool written = file && line && fprintf(file, "%s\n", line) > 0;
    if (file && fclose(file)) written = false;
    free(line);
    return written ? 0 : error(EXIT_RUN, KEPT ": cannot be written: %s", strerror(errno));
}

static int complete(json_t *entry, bool regained) {
    json_object_set_new(entry, "regained", regained ? seconds(since(entry)) : json_null());
    if (regained) tell(entry);
    return keep(entry);
}

int incidents_reached(struct incidents *incidents, int64_t steps, bool all) {
    size_t left = incidents ? json_array_size(incidents->list) : 0, before = left;
    int status = 0;
    for (size_t i = 0; i < left && !status;) {
        json_t *entry = json_array_get(incidents->list, i);
        const bool regained = steps >= integer_of(entry, "reached");
        if (!regained && !all) {
            i++;
            continue;
        }
        status = complete(entry, regained);
        json_array_remove(incidents->list, i);
        left--;
    }
    if (status || left == before) return status;
    if (left) return json_write(WAITING, incidents->list);
    return unlink(WAITING) && errno != ENOENT ? error(EXIT_RUN, WAITING ": cannot be removed: %s", strerror(errno)) : 0;
}
