// Who says what on control before the first step of a run over hosts. edges.c opens the sockets, before and after;
// what a place is, and which of its addresses is taken, run/places.c says; what guests do, worker/worker_guest.c.
#include "train/meeting.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/machine.h"
#include "base/memory.h"
#include "base/text.h"
#include "run/run_files.h"

bool meeting_is_asked(const struct run *run) {
    return run->options.control && text_begins(run->options.control, "tcp://");
}

// ---- guests

static struct message *news(void *context) {
    const struct meeting *meeting = context;
    return meeting->told ? places_pack(WORD_WHERE, &meeting->all) : NULL;
}

static struct message *answer(void *context, const struct message *asked) {
    (void)context;
    return strcmp(asked->word, WORD_FILES) ? NULL : run_files_pack();
}

// ---- its beginning

// A route to loopback from an address that is none: it stands for every interface, and nobody could come to it.
static int find_own_address(struct meeting *meeting, const char *control) {
    struct endpoint endpoint, own = {.loopback = true};
    int status = endpoint_parse(&endpoint, "control", control);
    if (status) return status;
    meeting->listen = endpoint_own_address(&endpoint);
    if (!meeting->listen)
        return error(EXIT_PEER, "--control %s: its host is not known or cannot be reached from here", control);
    status = endpoint_parse_listener(&own, "listen", meeting->listen);
    if (!status && own.loopback && !endpoint.loopback)
        status = error(EXIT_USAGE, "--control %s: which address of this host others are to come to, --listen HOST says",
                       control);
    return status;
}

static char *listen_address(const char *host) {
    return strchr(host, ':') && *host != '[' ? xformat("tcp://[%s]:*", host) : xformat("tcp://%s:*", host);
}

int meeting_begin(struct meeting **meeting, const struct run *run) {
    struct meeting *begun = *meeting = xcalloc(1, sizeof *begun);
    begun->guests = (struct guests){.most = GUESTS_MOST, .news = news, .answer = answer, .context = begun};
    begun->host = machine_identity();
    begun->folder = getcwd(NULL, 0);
    if (!begun->folder) return error(EXIT_RUN, "the current directory cannot be read");
    if (!run->options.listen) return find_own_address(begun, run->options.control);
    begun->listen = listen_address(run->options.listen);
    return 0;
}

void meeting_free(struct meeting **meeting) {
    if (!*meeting) return;
    places_release(&(*meeting)->own);
    places_release(&(*meeting)->all);
    free((*meeting)->host);
    free((*meeting)->folder);
    free((*meeting)->listen);
    free(*meeting);
    *meeting = NULL;
}

void meeting_note(struct meeting *meeting, struct address self, const char *edge, const char *ipc, const char *tcp) {
    const struct stage_place place = {.role = (char *)self.role,
                                .edge = (char *)edge,
                                .rank = self.rank,
                                .host = meeting->host,
                                .folder = meeting->folder,
                                .ipc = (char *)(ipc ? ipc : ""),
                                .tcp = (char *)(tcp ? tcp : "")};
    places_add(&meeting->own, &place);
}

// ---- a follower

static int ended(struct address who) {
    char text[ADDRESS_TEXT];
    return error(EXIT_PEER, "%s ended before the run began", address_text(who, text));
}

int meeting_attend(struct meeting *meeting, struct edge *control) {
    struct message *message = NULL;
    int status = edge_meet(control);
    if (!status) {
        message = places_pack(WORD_ANNOUNCE, &meeting->own);
        status = edge_send(control, ANYBODY, &message);
    }
    if (!status) status = edge_take(control, wanted_word(WORD_WHERE, ANYBODY, -1, -1), &message);
    if (status == HUB_END) return ended((struct address){ROLE_LOSS, ANY_RANK});
    if (!status) status = places_unpack(&meeting->all, message);
    message_free(&message);
    return status;
}

// ---- the conductor

// What a rank announces is its own, at an edge that the table lets it bind.
static const char *object(const struct stage_place *place, struct address from) {
    const struct stage_row *row = stage_find(from.role);
    const struct stage_edge *edge = row ? stage_edge(row, place->edge) : NULL;
    if (strcmp(place->role, from.role) || place->rank != from.rank) return "it speaks for another";
    return edge && edge->manner != EDGE_CONNECT ? NULL : "it does not listen at that edge";
}

static int enter(struct meeting *meeting, const struct places *places, struct address from) {
    char who[ADDRESS_TEXT];
    for (int i = 0; i < places->count; i++) {
        const struct stage_place *place = &places->item[i];
        const char *objection = object(place, from);
        if (!objection) objection = places_object(&meeting->all, place);
        if (objection)
            return error(EXIT_RUN, "%s announces %s %d at edge %s, which is refused: %s", address_text(from, who),
                         place->role, place->rank, place->edge, objection);
        places_add(&meeting->all, place);
    }
    return 0;
}

static int hear(struct meeting *meeting, struct edge *control, struct address from) {
    struct message *message;
    struct places places = {0};
    int status = edge_take(control, wanted_word(WORD_ANNOUNCE, from, -1, -1), &message);
    if (status) return status == HUB_END ? ended(from) : status;
    status = places_unpack(&places, message);
    if (!status) status = enter(meeting, &places, from);
    places_release(&places);
    message_free(&message);
    return status;
}

// Each rank is heard once: what it would announce later is read by nobody.
int meeting_hold(struct meeting *meeting, struct edge *control, const struct topology *topology) {
    int status = edge_meet(control);
    if (!status) status = enter(meeting, &meeting->own, (struct address){ROLE_LOSS, 0});
    for (int i = 0; i < topology->followers && !status; i++) status = hear(meeting, control, topology->follower[i]);
    meeting->told = !status;
    for (int i = 0; i < topology->followers && !status; i++) {
        struct message *message = places_pack(WORD_WHERE, &meeting->all);
        status = edge_send(control, topology->follower[i], &message);
    }
    if (!status) edge_tell_guests(control);
    return status;
}

// ---- both

char *meeting_address(const struct meeting *meeting, const char *role, int rank, const char *edge) {
    const struct stage_place *place = places_find(&meeting->all, role, rank, edge);
    char *address = place ? place_address(place, meeting->host, meeting->folder) : NULL;
    if (!place)
        error(EXIT_PEER, "edge %s: %s %d did not announce that it listens", edge, role, rank);
    else if (!address)
        error(EXIT_PEER, "edge %s: %s %d listens at %s, which cannot be opened from here", edge, role, rank,
              place->ipc);
    return address;
}
