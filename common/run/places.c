// The table of who listens where, its two messages, and the choice between ipc and tcp. Who announces what, and when,
// is train/meeting.c's; what a worker makes of it, worker/worker_guest.c's.
#include "run/places.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#define IPC "ipc://"
#define TCP "tcp://"

void places_add(struct places *places, const struct stage_place *place) {
    if (places->count == places->capacity) {
        places->capacity = places->capacity ? 2 * places->capacity : 16;
        places->item = xrealloc_array(places->item, (size_t)places->capacity, sizeof *places->item);
    }
    places->item[places->count++] = (struct stage_place){.role = xstrdup(place->role),
                                                   .edge = xstrdup(place->edge),
                                                   .rank = place->rank,
                                                   .host = xstrdup(place->host),
                                                   .folder = xstrdup(place->folder),
                                                   .ipc = xstrdup(place->ipc),
                                                   .tcp = xstrdup(place->tcp)};
}

void places_release(struct places *places) {
    for (int i = 0; i < places->count; i++) {
        struct stage_place *place = &places->item[i];
        char *const owned[] = {place->role, place->edge, place->host, place->folder, place->ipc, place->tcp};
        for (size_t k = 0; k < sizeof owned / sizeof *owned; k++) free(owned[k]);
    }
    free(places->item);
    *places = (struct places){0};
}

const struct stage_place *places_find(const struct places *places, const char *role, int rank, const char *edge) {
    for (int i = 0; i < places->count; i++) {
        const struct stage_place *place = &places->item[i];
        if (place->rank == rank && !strcmp(place->role, role) && !strcmp(place->edge, edge)) return place;
    }
    return NULL;
}

// ---- contradictions

static bool is_same(const char *a, const char *b) {
    return *a && !strcmp(a, b);
}

// Loopback addresses are each host's own.
static bool listens_there(const struct stage_place *a, const struct stage_place *b) {
    const bool host = !strcmp(a->host, b->host);
    return host && (is_same(a->tcp, b->tcp) || (is_same(a->ipc, b->ipc) && !strcmp(a->folder, b->folder)));
}

const char *places_object(const struct places *places, const struct stage_place *place) {
    if (!*place->ipc && !*place->tcp) return "it listens nowhere";
    if (*place->ipc && !text_begins(place->ipc, IPC)) return "its ipc address is none";
    if (*place->tcp && !text_begins(place->tcp, TCP)) return "its tcp address is none";
    if (places_find(places, place->role, place->rank, place->edge)) return "it was announced before";
    for (int i = 0; i < places->count; i++)
        if (listens_there(&places->item[i], place)) return "another one listens there";
    return places->count == PLACES_MOST ? "there are too many" : NULL;
}

// ---- messages

// The tensors of texts, a text a place; beside them the ranks.
static const struct {
    const char *name;
    size_t offset;
} columns[] = {
    {"roles", offsetof(struct stage_place, role)}, {"edges", offsetof(struct stage_place, edge)},
    {"hosts", offsetof(struct stage_place, host)}, {"folders", offsetof(struct stage_place, folder)},
    {"ipc", offsetof(struct stage_place, ipc)},    {"tcp", offsetof(struct stage_place, tcp)},
};
enum { COLUMNS = sizeof columns / sizeof *columns };
#define RANKS "ranks"

static char **text_of(struct stage_place *place, int column) {
    return (char **)(void *)((char *)place + columns[column].offset);
}

static void add_column(struct message *message, const struct places *places, int column) {
    const char **text = xcalloc((size_t)places->count, sizeof *text);
    for (int i = 0; i < places->count; i++) text[i] = *text_of(&places->item[i], column);
    message_add_strings(message, columns[column].name, text, places->count);
    free(text);
}

struct message *places_pack(const char *word, const struct places *places) {
    struct message *message = message_tell(word, (struct unit){0});
    if (!places->count) return message;
    int64_t *rank = message_add(message, RANKS, DT_I64, SHAPE(places->count));
    for (int i = 0; i < places->count; i++) rank[i] = places->item[i].rank;
    for (int column = 0; column < COLUMNS; column++) add_column(message, places, column);
    return message;
}

static int malformed(const struct message *message, const char *what) {
    return error(EXIT_RUN, "%s %d: its `%s` %s", message->from, message->rank, message->word, what);
}

static int read_place(struct stage_place *place, const struct message *message, int row) {
    for (int column = 0; column < COLUMNS; column++) {
        const char *text = message_string(message, columns[column].name, row);
        if (!text || strlen(text) >= PLACE_TEXT)
            return malformed(message, "lacks texts, or has some that are too long");
        *text_of(place, column) = (char *)text; // borrowed until places_add
    }
    if (!*place->role || strlen(place->role) >= WIRE_NAME || !*place->edge || strlen(place->edge) >= WIRE_NAME)
        return malformed(message, "has a role or an edge without a name");
    return 0;
}

int places_unpack(struct places *places, const struct message *message) {
    const int64_t count = message_rows(message, RANKS);
    const void *ranks = NULL;
    if (!message_find(message, RANKS)) return 0;
    if (count > PLACES_MOST) return malformed(message, "has too many places");
    int status = message_tensor(message, RANKS, DT_I64, SHAPE(count), &ranks);
    for (int64_t i = 0; i < count && !status; i++) {
        struct stage_place place = {.rank = (int)((const int64_t *)ranks)[i]};
        status = read_place(&place, message, (int)i);
        const char *objection = status ? NULL : places_object(places, &place);
        if (objection)
            status = error(EXIT_RUN, "%s %d: its `%s` has %s %d at edge %s: %s", message->from, message->rank,
                           message->word, place.role, place.rank, place.edge, objection);
        if (!status) places_add(places, &place);
    }
    return status;
}

// ---- the choice

bool place_is_here(const struct stage_place *place, const char *host) {
    return !strcmp(place->host, host);
}

// Another container may have the host's name and other files.
static bool is_open_to_us(const char *path) {
    struct stat status;
    return !stat(path, &status) && S_ISSOCK(status.st_mode) && !access(path, W_OK);
}

static char *ipc_address(const struct stage_place *place, const char *folder) {
    const char *path = place->ipc + strlen(IPC);
    char *known = strcmp(folder, place->folder) ? path_join(place->folder, path) : xstrdup(path);
    const bool fits = strlen(known) < sizeof((struct sockaddr_un *)0)->sun_path;
    char *address = fits && is_open_to_us(known) ? xformat(IPC "%s", known) : NULL;
    free(known);
    return address;
}

char *place_address(const struct stage_place *place, const char *host, const char *folder) {
    char *address = *place->ipc && place_is_here(place, host) ? ipc_address(place, folder) : NULL;
    if (address || !*place->tcp) return address;
    return xstrdup(place->tcp);
}
