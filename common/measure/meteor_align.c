// A beam search along the reference. Of the paths that reach a word the best go on: those that cover more words, then
// those with fewer chunks (runs of matches that follow each other in both captions), then those whose matches lie less
// far apart. Between equal ones the order in which they were made decides.
//
// Two things are as METEOR 1.5's own program does them, since its numbers hang on them. A match that is not exact
// counts half of its words, rounded down, so a single word adds nothing. And how far apart a match lies is added to the
// path that it goes on from, which is the one that takes no match there and the ones made of it afterwards, instead of
// to its own.
#include "measure/meteor_align.h"

#include <stdlib.h>
#include <string.h>

#define BEAM 40

struct path {
    uint32_t covered, chunks, distance;
    uint32_t next;   // word of the reference: those before it are behind the last match
    uint32_t last;   // the candidate's word behind the last match, METEOR_NONE when no chunk is open
    uint32_t parent; // of a path to be made: in the beam before
    uint32_t match;  // taken last, in `matches`, METEOR_NONE: none
};
struct search {
    const struct meteor_matches *matches;
    uint32_t candidate, reference; // words
    struct path path[BEAM], made[BEAM];
    uint32_t paths, made_count;
    uint32_t *taken[2];     // of the paths, of those that are made
    unsigned char *used[2]; // the candidate's words, then the reference's
};

static uint32_t *taken(const struct search *search, int which, uint32_t path) {
    return search->taken[which] + (size_t)path * search->reference;
}

static unsigned char *used(const struct search *search, int which, uint32_t path) {
    return search->used[which] + (size_t)path * (search->candidate + search->reference);
}

static bool is_free(const struct search *search, uint32_t path, const struct meteor_match *match) {
    const unsigned char *candidate = used(search, 0, path), *reference = candidate + search->candidate;
    for (uint32_t k = 0; k < match->length; k++)
        if (reference[match->start + k]) return false;
    for (uint32_t k = 0; k < match->words; k++)
        if (candidate[match->from + k]) return false;
    return true;
}

static void use(const struct search *search, int which, uint32_t path, uint32_t match) {
    const struct meteor_match *m = &search->matches->match[match];
    unsigned char *candidate = used(search, which, path), *reference = candidate + search->candidate;
    memset(candidate + m->from, 1, m->words);
    memset(reference + m->start, 1, m->length);
    taken(search, which, path)[m->start] = match;
}

static bool is_better(const struct path *a, const struct path *b) {
    if (a->covered != b->covered) return a->covered > b->covered;
    return a->chunks != b->chunks ? a->chunks < b->chunks : a->distance < b->distance;
}

// Keeps the best, in order.
static void offer(struct search *search, const struct path *path) {
    uint32_t place = search->made_count;
    if (place == BEAM && !is_better(path, &search->made[--place])) return;
    for (; place && is_better(path, &search->made[place - 1]); place--) search->made[place] = search->made[place - 1];
    search->made[place] = *path;
    if (search->made_count < BEAM) search->made_count++;
}

static uint32_t distance_of(const struct meteor_match *match) {
    return match->start > match->from ? match->start - match->from : match->from - match->start;
}

static struct path with_match(const struct search *search, struct path path, uint32_t match) {
    const struct meteor_match *m = &search->matches->match[match];
    const uint32_t share = m->module == METEOR_EXACT ? 1 : 2;
    path.covered += m->words / share + m->length / share;
    path.chunks += path.last != METEOR_NONE && path.last != m->from;
    path.next = m->start + m->length;
    path.last = m->from + m->words;
    path.match = match;
    return path;
}

static void try_each(struct search *search, struct path path, uint32_t word) {
    for (uint32_t i = search->matches->begin[word]; i < search->matches->begin[word + 1]; i++) {
        if (!is_free(search, path.parent, &search->matches->match[i])) continue;
        const struct path made = with_match(search, path, i);
        offer(search, &made);
        path.distance += distance_of(&search->matches->match[i]);
    }
    path.chunks += path.last != METEOR_NONE;
    path.last = METEOR_NONE;
    path.next++;
    offer(search, &path);
}

static void go_on(struct search *search, uint32_t place, uint32_t word) {
    struct path path = search->path[place];
    path.parent = place;
    path.match = METEOR_NONE;
    if (word < path.next) {
        offer(search, &path);
    } else if (used(search, 0, place)[search->candidate + word]) {
        const uint32_t fixed = taken(search, 0, place)[word];
        path = with_match(search, path, fixed);
        path.distance += distance_of(&search->matches->match[fixed]);
        offer(search, &path);
    } else {
        try_each(search, path, word);
    }
}

// The paths made become the paths.
static void make_paths(struct search *search) {
    for (uint32_t i = 0; i < search->made_count; i++) {
        const struct path *path = &search->made[i];
        memcpy(taken(search, 1, i), taken(search, 0, path->parent), search->reference * sizeof(uint32_t));
        memcpy(used(search, 1, i), used(search, 0, path->parent), search->candidate + search->reference);
        if (path->match != METEOR_NONE) use(search, 1, i, path->match);
        search->path[i] = *path;
    }
    uint32_t *const old_taken = search->taken[0];
    unsigned char *const old_used = search->used[0];
    search->taken[0] = search->taken[1], search->taken[1] = old_taken;
    search->used[0] = search->used[1], search->used[1] = old_used;
    search->paths = search->made_count;
    search->made_count = 0;
}

// Whether nothing else matches any of the words.
static bool is_alone(const struct meteor_matches *matches, const struct meteor_match *match) {
    for (uint32_t k = 0; k < match->length; k++)
        if (matches->over_reference[match->start + k] != 1) return false;
    for (uint32_t k = 0; k < match->words; k++)
        if (matches->over_candidate[match->from + k] != 1) return false;
    return true;
}

// One path, with the matches that nothing speaks against.
static void begin(struct search *search) {
    const struct meteor_matches *matches = search->matches;
    search->path[0] = (struct path){.last = METEOR_NONE};
    search->paths = 1;
    memset(used(search, 0, 0), 0, search->candidate + search->reference);
    for (uint32_t word = 0; word < search->reference; word++) {
        taken(search, 0, 0)[word] = METEOR_NONE;
        const uint32_t first = matches->begin[word];
        if (matches->begin[word + 1] - first == 1 && is_alone(matches, &matches->match[first]))
            use(search, 0, 0, first);
    }
}

// The last chunk of each path is closed only now.
static uint32_t best(struct search *search) {
    uint32_t best = 0;
    for (uint32_t i = 0; i < search->paths; i++) {
        search->path[i].chunks += search->path[i].last != METEOR_NONE;
        if (is_better(&search->path[i], &search->path[best])) best = i;
    }
    return best;
}

static void make_room(struct meteor_beam *beam, size_t candidate, size_t reference) {
    if (2 * BEAM * reference > beam->taken_room) {
        beam->taken_room = 4 * BEAM * reference;
        beam->taken = xrealloc_array(beam->taken, beam->taken_room, sizeof *beam->taken);
    }
    if (2 * BEAM * (candidate + reference) > beam->used_room) {
        beam->used_room = 4 * BEAM * (candidate + reference);
        beam->used = xrealloc(beam->used, beam->used_room);
    }
}

const uint32_t *meteor_align(struct meteor_beam *beam, const struct meteor_matches *matches, uint32_t candidate,
                             uint32_t reference) {
    make_room(beam, candidate, reference);
    struct search search = {
        .matches = matches,
        .candidate = candidate,
        .reference = reference,
        .taken = {beam->taken, beam->taken + BEAM * (size_t)reference},
        .used = {beam->used, beam->used + BEAM * ((size_t)candidate + reference)},
    };
    if (!reference) return beam->taken;
    begin(&search);
    for (uint32_t word = 0; word < reference; word++) {
        for (uint32_t i = 0; i < search.paths; i++) go_on(&search, i, word);
        make_paths(&search);
    }
    return taken(&search, 0, best(&search));
}

void meteor_beam_release(struct meteor_beam *beam) {
    free(beam->taken);
    free(beam->used);
    *beam = (struct meteor_beam){.taken = NULL};
}
