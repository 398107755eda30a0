// A worker as a guest of the conductor's control edge: what it learns there, before it opens its samples (the files of
// the run, where it has no run directory) and when it serves (where the consumers of its edge listen, and again when
// that changes). worker_run.c and worker_serve.c call it instead of going by addresses that were given.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/machine.h"
#include "base/text.h"
#include "run/places.h"
#include "run/run_files.h"
#include "run/run_json.h"
#include "stage/stage.h"
#include "worker/worker_private.h"

struct guest {
    char *folder;          // private; NULL: there was a run directory
    struct edge *control;  // of the hub that it serves on
    struct strings linked; // addresses that its edge is connected to
};

// What is told meanwhile waits to be taken.
static int meet(struct edge *control) {
    int status;
    while ((status = edge_meet(control)) == HUB_NEWS) continue;
    return status;
}

static int open_control(const struct run *run, struct hub *hub, struct edge **control) {
    const struct edge_options options = {
        .name = "control", .address = run->options.control, .manner = EDGE_GUEST, .direction = EDGE_BOTH};
    int status = hub_edge(hub, control, &options);
    return status ? status : meet(*control);
}

// The news are waited for here, and are no interruption.
static int hear(struct edge *control, const char *word, struct message **message) {
    int status;
    while ((status = edge_take(control, wanted_word(word, ANYBODY, -1, -1), message)) == HUB_NEWS) continue;
    return status;
}

static int over(void) {
    return error(EXIT_PEER, "edge control: the run is over");
}

// ---- the files of the run

static int make_folder(struct guest *guest) {
    const char *temporary = getenv("TMPDIR");
    char *folder = xformat("%s/coca-worker.XXXXXX", temporary && *temporary ? temporary : "/tmp");
    if (!mkdtemp(folder)) {
        int status = error(EXIT_RUN, "%s: no folder can be made: %s", folder, strerror(errno));
        free(folder);
        return status;
    }
    guest->folder = folder;
    return 0;
}

static int fetch_with(struct guest *guest, const struct run *run, struct hub *hub) {
    struct edge *control;
    struct message *message = message_tell(WORD_FILES, (struct unit){0}), *files = NULL;
    int status = open_control(run, hub, &control);
    if (!status) status = edge_send(control, ANYBODY, &message);
    message_free(&message);
    if (!status && (status = hear(control, WORD_FILES, &files)) == HUB_END) status = over();
    if (!status) status = make_folder(guest);
    if (!status) status = run_files_unpack(files, guest->folder);
    message_free(&files);
    if (!status && chdir(guest->folder))
        status = error(EXIT_RUN, "%s: cannot be entered: %s", guest->folder, strerror(errno));
    return status;
}

static int fetch(struct guest *guest, const struct run *run) {
    struct hub *hub = stage_open_hub();
    int status = fetch_with(guest, run, hub);
    if (!status) return hub_close(&hub);
    hub_abandon(&hub);
    return status > 0 ? error(EXIT_PEER, "told to leave before the run was known") : status;
}

int worker_visit(struct worker *worker, struct run *run) {
    const char *control = run->options.control;
    if (!control || run_address(run, worker->edge) || !text_begins(control, "tcp://") || !worker_trains(worker))
        return 0;
    worker->guest = xcalloc(1, sizeof *worker->guest);
    if (file_exists(RUN_JSON)) return 0;
    run_make_absolute(run);
    return fetch(worker->guest, run);
}

// ---- the consumers

// The addresses of those who pull the worker's edge.
static int find_consumers(const struct worker *worker, const struct places *places, struct strings *found) {
    char *host = machine_identity(), *folder = getcwd(NULL, 0);
    int status = 0;
    for (int i = 0; i < places->count && !status; i++) {
        const struct stage_place *place = &places->item[i];
        if (strcmp(place->edge, worker->edge)) continue;
        char *address = place_address(place, host, folder ? folder : "/");
        if (address)
            strings_add_text(found, address);
        else
            status = error(EXIT_PEER, "edge %s: %s %d listens at %s alone, which cannot be opened from here",
                           worker->edge, place->role, place->rank, place->ipc);
        free(address);
    }
    free(host);
    free(folder);
    if (!status && !found->count) status = error(EXIT_USAGE, "nobody pulls the %s edge in this run", worker->edge);
    return status;
}

static int hear_consumers(const struct worker *worker, struct strings *found) {
    struct message *message;
    struct places places = {0};
    int status = hear(worker->guest->control, WORD_WHERE, &message);
    if (status) return status;
    status = places_unpack(&places, message);
    if (!status) status = find_consumers(worker, &places, found);
    places_release(&places);
    message_free(&message);
    return status;
}

static bool holds(const struct strings *list, const char *text) {
    for (size_t i = 0; i < list->count; i++)
        if (!strcmp(list->item[i], text)) return true;
    return false;
}

static int link_consumers(struct guest *guest, struct edge *edge, const struct strings *found) {
    int status = 0;
    for (size_t i = 0; i < guest->linked.count; i++)
        if (!holds(found, guest->linked.item[i])) edge_leave(edge, guest->linked.item[i]);
    for (size_t i = 0; i < found->count && !status; i++)
        if (!holds(&guest->linked, found->item[i])) status = edge_connect(edge, found->item[i]);
    strings_clear(&guest->linked);
    for (size_t i = 0; i < found->count; i++) strings_add_text(&guest->linked, found->item[i]);
    return status;
}

int guest_open(const struct worker *worker, struct hub *hub, struct edge **edge) {
    struct guest *guest = worker->guest;
    struct strings found = {0};
    int status = open_control(worker->run, hub, &guest->control);
    if (!status && (status = hear_consumers(worker, &found)) == HUB_END) status = over();
    if (!status) {
        const struct edge_options options = {
            .name = worker->edge, .address = found.item[0], .manner = EDGE_SERVE, .direction = EDGE_OUT};
        status = hub_edge(hub, edge, &options);
        strings_add_text(&guest->linked, found.item[0]);
    }
    if (!status) status = link_consumers(guest, *edge, &found);
    strings_release(&found);
    return status;
}

// A job that lost a stage starts again, conductor and consumers: they are other processes then, of another generation,
// and are greeted when control has told of it.
static int begin_anew(const struct worker *worker, struct edge *edge, struct strings *found) {
    struct guest *guest = worker->guest;
    for (size_t i = 0; i < guest->linked.count; i++) edge_leave(edge, guest->linked.item[i]);
    strings_clear(&guest->linked);
    int status = meet(guest->control);
    return status ? status : hear_consumers(worker, found);
}

// Of several tellings that came meanwhile the newest counts. When the conductor has ended, so have the steps.
int guest_follow(const struct worker *worker, struct edge *edge) {
    const struct wanted where = wanted_word(WORD_WHERE, ANYBODY, -1, -1);
    struct strings found = {0};
    int status = edge_is_met(worker->guest->control) ? 0 : begin_anew(worker, edge, &found);
    while (!status && edge_ready(worker->guest->control, where)) {
        strings_clear(&found);
        status = hear_consumers(worker, &found);
    }
    if (!status && found.count) status = link_consumers(worker->guest, edge, &found);
    strings_release(&found);
    return status;
}

void guest_leave(struct guest **guest) {
    if (!*guest) return;
    if ((*guest)->folder) directory_remove((*guest)->folder);
    free((*guest)->folder);
    strings_release(&(*guest)->linked);
    free(*guest);
    *guest = NULL;
}
