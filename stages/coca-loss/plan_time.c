// A step as its ranks go through it, played event by event: each does its passes in order, one when its input is there,
// and those of a host that are at work share its devices evenly. So waiting is what comes out, not what goes in.
//
//   image-encode   forward 0 … n − 1; backward m once d_features(m) and d_embedding are there; exchange
//   text-decode    unimodal 0 … n − 1; multimodal m, both directions, once features(m) are there; unimodal backward
//                  m once d_embedding is there; exchange
//   loss           contrast, once all embeddings are there
//
// The exchange goes on beside the last backward passes, from where gradients become final; what is left of it then is
// waited for. The step ends when the last rank has its sums and the new values are everywhere. Left out: the update
// itself, and control messages; both are small beside the rest and part of what the measured rate of a device is.
#include "plan.h"

#include <math.h>
#include <stdlib.h>

#include "base/fail.h"
#include "base/memory.h"
#include "train/topology.h"

enum kind { FORWARD, BACKWARD, UNIMODAL, MULTIMODAL, UNIMODAL_BACKWARD, CONTRAST, EXCHANGE, NOTHING };

struct actor {
    enum plan_stage of;
    int host;
    struct share own; // of the microbatches
    int next;         // of its passes, in order
    bool begun;
    double left, idle_since, done_at; // seconds of a device alone; when the last pass ended; INFINITY: not yet
    double sent_at;                   // what its passes made final so far has left and come
    struct plan_share spent;
};

struct play {
    const struct plan_machine *machine;
    const struct plan_step *step;
    const struct plan_traffic *traffic;
    double cost[NOTHING]; // seconds of a pass
    bool captions, contrasts;
    double now;
    double *features_at, *gradient_at; // [M]: where the other side can have them
    int embeddings_left;
    double embeddings_at, embedded_at; // the last one is there; gradients are back
    double *link_free;                 // [hosts]: what is sent from there waits until then
    int *working;                      // [hosts] ranks at work
    struct actor *actor;               // [actors], the conductor last
    int actors;
};

// ---- passes

struct pass {
    enum kind kind;
    int microbatch;
};

static struct pass pass_of(const struct actor *actor) {
    static const enum kind image[] = {FORWARD, BACKWARD}, text[] = {UNIMODAL, MULTIMODAL, UNIMODAL_BACKWARD};
    const int n = actor->own.count, phase = actor->next / n, phases = actor->of == PLAN_OF_IMAGE ? 2 : 3;
    if (actor->of == PLAN_OF_LOSS) return (struct pass){actor->next ? NOTHING : CONTRAST, 0};
    if (phase >= phases) return (struct pass){actor->next == phases * n ? EXCHANGE : NOTHING, 0};
    return (struct pass){actor->of == PLAN_OF_IMAGE ? image[phase] : text[phase], actor->own.first + actor->next % n};
}

static double ready_at(const struct play *play, struct pass pass) {
    switch (pass.kind) {
    case BACKWARD: return fmax(play->gradient_at[pass.microbatch], play->embedded_at);
    case MULTIMODAL: return play->features_at[pass.microbatch];
    case UNIMODAL_BACKWARD: return play->embedded_at;
    case CONTRAST: return play->embeddings_left ? INFINITY : play->embeddings_at;
    default: return 0;
    }
}

// ---- what travels

static double link_seconds(const struct play *play, double bytes) {
    return bytes * 8 / (play->machine->gbps * 1e9);
}

// One message from host to host, behind those that wait there already.
static double send(struct play *play, int from, int to, double bytes) {
    if (from == to) return play->now;
    play->link_free[from] = fmax(play->link_free[from], play->now) + link_seconds(play, bytes);
    return play->link_free[from];
}

static int host_of(const struct play *play, enum plan_side side, int microbatch) {
    return plan_host(play->machine, play->step, side, plan_owner(play->step, side, microbatch));
}

static const struct actor *conductor(const struct play *play) {
    return &play->actor[play->actors - 1];
}

static void send_embedding(struct play *play, const struct actor *actor) {
    if (!play->contrasts) return;
    const double at = send(play, actor->host, conductor(play)->host, play->traffic->embedding_bytes);
    play->embeddings_at = fmax(play->embeddings_at, at);
    play->embeddings_left--;
}

// Gradients go back microbatch by microbatch; nobody is far behind the first, so all wait for the last.
static void return_gradients(struct play *play) {
    play->embedded_at = play->now;
    for (int m = 0; m < play->step->microbatches; m++)
        for (int side = 0; side < PLAN_SIDES; side++)
            play->embedded_at = fmax(play->embedded_at, send(play, conductor(play)->host, host_of(play, side, m),
                                                             play->traffic->embedding_bytes));
}

// ---- the exchange

static double exchange_seconds(const struct play *play, enum plan_side side, double share) {
    const double sent = play->traffic->exchange[side].gradients * share;
    return plan_exchange_seconds(play->machine, play->step, side, sent);
}

// Gradients leave as they become final, which is while the rank's last backward pass over their tensors goes on.
static void begin_exchange(struct play *play, struct actor *actor, enum kind kind) {
    const enum plan_side side = actor->of == PLAN_OF_IMAGE ? PLAN_IMAGE : PLAN_TEXT;
    const double early = play->traffic->exchange[side].early;
    const double share = kind == BACKWARD ? 1 : kind == MULTIMODAL ? early : 1 - early;
    actor->sent_at = fmax(actor->sent_at, play->now) + exchange_seconds(play, side, share);
}

static bool is_last(const struct actor *actor, struct pass pass) {
    const bool backward = pass.kind == BACKWARD || pass.kind == MULTIMODAL || pass.kind == UNIMODAL_BACKWARD;
    return backward && pass.microbatch == actor->own.first + actor->own.count - 1;
}

// ---- events

static void account(struct actor *actor, enum kind kind, double waited) {
    if (kind == MULTIMODAL || kind == BACKWARD)
        actor->spent.waits_passes += waited;
    else if (kind == UNIMODAL_BACKWARD)
        actor->spent.waits_contrast += waited;
}

static void begin(struct play *play, struct actor *actor) {
    const struct pass pass = pass_of(actor);
    if (actor->begun || pass.kind == NOTHING || ready_at(play, pass) > play->now) return;
    actor->begun = true;
    actor->left = pass.kind == EXCHANGE ? fmax(actor->sent_at - play->now, 0) : play->cost[pass.kind];
    if (is_last(actor, pass)) begin_exchange(play, actor, pass.kind);
    account(actor, pass.kind, play->now - actor->idle_since);
}

static void end(struct play *play, struct actor *actor) {
    const struct pass pass = pass_of(actor);
    const int m = pass.microbatch;
    if (pass.kind == FORWARD)
        play->features_at[m] = send(play, actor->host, host_of(play, PLAN_TEXT, m), play->traffic->feature_bytes);
    if (pass.kind == MULTIMODAL)
        play->gradient_at[m] = send(play, actor->host, host_of(play, PLAN_IMAGE, m), play->traffic->feature_bytes);
    if (pass.kind == FORWARD || pass.kind == UNIMODAL) send_embedding(play, actor);
    if (pass.kind == CONTRAST) return_gradients(play);
    actor->begun = false;
    actor->idle_since = play->now;
    actor->next++;
    if (pass_of(actor).kind == NOTHING) actor->done_at = play->now;
}

static bool computes(const struct actor *actor) {
    return actor->begun && pass_of(actor).kind != EXCHANGE;
}

static void count_working(struct play *play) {
    for (int host = 0; host < play->machine->hosts; host++) play->working[host] = 0;
    for (int i = 0; i < play->actors; i++) play->working[play->actor[i].host] += computes(&play->actor[i]);
}

// The share of a device that a pass has.
static double rate(const struct play *play, const struct actor *actor) {
    const int devices = play->machine->devices, working = play->working[actor->host];
    return devices && computes(actor) && working > devices ? (double)devices / working : 1;
}

// When the next pass ends, or may begin.
static double next_event(const struct play *play, const struct actor **ends) {
    double next = INFINITY;
    *ends = NULL;
    for (int i = 0; i < play->actors; i++) {
        const struct actor *actor = &play->actor[i];
        const struct pass pass = pass_of(actor);
        if (pass.kind == NOTHING) continue;
        const double at = actor->begun ? play->now + actor->left / rate(play, actor) : ready_at(play, pass);
        if (at >= next) continue;
        next = at;
        *ends = actor->begun ? actor : NULL;
    }
    return next;
}

static void pass_time(struct play *play, double seconds) {
    for (int i = 0; i < play->actors; i++) {
        struct actor *actor = &play->actor[i];
        if (!actor->begun) continue;
        actor->left -= seconds * rate(play, actor);
        if (computes(actor))
            actor->spent.busy += seconds;
        else
            actor->spent.exchange += seconds;
    }
}

// False when all is done.
static bool go_on(struct play *play) {
    const struct actor *ends;
    for (int i = 0; i < play->actors; i++) begin(play, &play->actor[i]);
    count_working(play);
    const double next = next_event(play, &ends);
    if (next == INFINITY) return false;
    pass_time(play, next - play->now);
    play->now = next;
    if (ends) end(play, &play->actor[ends - play->actor]);
    return true;
}

// ---- the whole

static void set_costs(struct play *play) {
    const struct plan_work work = plan_work(play->step);
    const double rate_of_loss = play->machine->tflops * 1e12;
    const double image = rate_of_loss * play->machine->ease[PLAN_IMAGE];
    const double text = rate_of_loss * play->machine->ease[PLAN_TEXT];
    play->cost[FORWARD] = work.forward / image;
    play->cost[BACKWARD] = work.backward / image;
    play->cost[UNIMODAL] = work.unimodal / text;
    play->cost[MULTIMODAL] = work.multimodal / text;
    play->cost[UNIMODAL_BACKWARD] = work.unimodal_backward / text;
    play->cost[CONTRAST] = work.contrast / rate_of_loss;
}

static void add_actors(struct play *play) {
    const struct plan_step *step = play->step;
    play->actor = xcalloc((size_t)(step->ranks[PLAN_IMAGE] + step->ranks[PLAN_TEXT] + 1), sizeof *play->actor);
    for (int side = 0; side < PLAN_SIDES; side++)
        for (int rank = 0; rank < step->ranks[side]; rank++)
            play->actor[play->actors++] = (struct actor){.of = side == PLAN_IMAGE ? PLAN_OF_IMAGE : PLAN_OF_TEXT,
                                                         .host = plan_host(play->machine, step, side, rank),
                                                         .own = share_of(step->microbatches, rank, step->ranks[side])};
    play->actor[play->actors++] =
        (struct actor){.of = PLAN_OF_LOSS, .host = plan_host(play->machine, step, PLAN_TEXT, 0), .own = {0, 1}};
}

static struct play play_new(const struct plan_machine *machine, const struct plan_step *step,
                            const struct plan_traffic *traffic) {
    const struct run_options *o = &step->run->options;
    const size_t M = (size_t)step->microbatches, hosts = (size_t)machine->hosts;
    struct play play = {.machine = machine, .step = step, .traffic = traffic};
    play.captions = o->caption_weight > 0;
    play.contrasts = o->contrastive_weight > 0;
    play.features_at = xcalloc(M, sizeof *play.features_at);
    play.gradient_at = xcalloc(M, sizeof *play.gradient_at);
    play.link_free = xcalloc(hosts, sizeof *play.link_free);
    play.working = xcalloc(hosts, sizeof *play.working);
    for (size_t m = 0; m < M && play.captions; m++) play.features_at[m] = play.gradient_at[m] = INFINITY;
    play.embeddings_left = play.contrasts ? PLAN_SIDES * step->microbatches : 0;
    play.embedded_at = play.contrasts ? INFINITY : 0;
    set_costs(&play);
    add_actors(&play);
    return play;
}

static void play_free(struct play *play) {
    free(play->features_at);
    free(play->gradient_at);
    free(play->link_free);
    free(play->working);
    free(play->actor);
}

// Of each side the rank that is done last, and when that is.
static double find_last(const struct play *play, struct plan_time *time) {
    double last[PLAN_SIDES] = {-1, -1};
    for (int i = 0; i + 1 < play->actors; i++) {
        const struct actor *actor = &play->actor[i];
        const enum plan_side side = actor->of == PLAN_OF_IMAGE ? PLAN_IMAGE : PLAN_TEXT;
        if (actor->done_at <= last[side]) continue;
        last[side] = actor->done_at;
        time->side[side] = actor->spent;
    }
    return fmax(last[PLAN_IMAGE], last[PLAN_TEXT]);
}

struct plan_time plan_time(const struct plan_machine *machine, const struct plan_step *step,
                           const struct plan_traffic *traffic) {
    struct play play = play_new(machine, step, traffic);
    struct plan_time time = {0};
    while (go_on(&play)) {
    }
    for (int side = 0; side < PLAN_SIDES; side++)
        time.values = fmax(time.values, plan_exchange_seconds(machine, step, side, traffic->exchange[side].values));
    time.step = find_last(&play, &time) + time.values;
    time.contrast = play.contrasts ? play.embedded_at - play.embeddings_at : 0;
    play_free(&play);
    return time;
}
