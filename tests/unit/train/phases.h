// A follower whose phases compute nothing and write down what they were given: image-encode's, where `forward` takes
// what is pulled and sends features and embeddings, and `backward` takes the gradients of both.
#pragma once

#include "play.h"

#include "train/follower.h"

static struct {
    struct buffer diary;
    struct part part;
    struct ranks *ranks;         // one
    struct gradients *gradients; // with training
    struct edges *edges;
    real gradient; // that each backward pass adds to the first parameter's first number
    int failing;   // the forward pass of this microbatch fails, when above 0
    void (*in_launch)(const struct work *work), (*in_forward)(const struct work *work); // NULL, or what else is done
} fake;

static inline void close_part(void) {
    gradients_free(&fake.gradients);
    if (fake.ranks) ranks_close(&fake.ranks, true);
    if (fake.part.ops) part_close(&fake.part);
}

static inline int leave_phases(void **state) {
    buffer_release(&fake.diary);
    close_part();
    memset(&fake, 0, sizeof fake);
    return leave_play(state);
}

#define WITH_PHASES(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_phases)

// What was written since it was asked last.
static inline void assert_diary(const char *expected) {
    if (strcmp(fake.diary.size ? fake.diary.bytes : "", expected))
        fail_msg("the phases wrote\n%s\nand not\n%s", fake.diary.size ? fake.diary.bytes : "", expected);
    buffer_clear(&fake.diary);
}

static inline void write_work(const char *what, const struct work *work) {
    buffer_format(&fake.diary, "%s %d/%d in %d of %d:", what, (int)work->step, work->microbatch, work->slot, work->own);
}

static inline void write_message(const struct message *message) {
    const char *from = message->from[0] ? message->from : "nobody";
    buffer_format(&fake.diary, " %d/%d of %s %d (%d)", (int)message->unit.step, message->unit.microbatch, from,
                  message->rank, message->unit.samples);
}

// ---- forward

static inline int begin_forward(void *context, const struct work *work) {
    (void)context;
    buffer_format(&fake.diary, "step %d, %d own of %d\n", (int)work->step, work->own, work->microbatches);
    return 0;
}

static inline int launch_forward(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    (void)context;
    write_work("launch", work);
    write_message(taken[0]);
    buffer_text(&fake.diary, "\n");
    if (fake.in_launch) fake.in_launch(work);
    return 0;
}

static inline void look_ahead(void *context, const struct message *next) {
    (void)context;
    buffer_text(&fake.diary, "ahead:");
    write_message(next);
    buffer_text(&fake.diary, "\n");
}

static inline int send_output(const char *edge, const struct work *work, struct unit unit) {
    const struct channel channel = edges_channel(fake.edges, edge);
    struct message *message = message_new(MESSAGE_DATA, unit);
    return channel.edge ? channel_send(&channel, work->microbatch, work->microbatches, &message)
                        : (message_free(&message), 0);
}

static inline int run_forward(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    (void)context;
    write_work("forward", work);
    write_message(taken[0]);
    buffer_text(&fake.diary, "\n");
    if (fake.failing && work->microbatch == fake.failing) return error(EXIT_RUN, "forward fails");
    if (fake.in_forward) fake.in_forward(work);
    int status = send_output("features", work, taken[0]->unit);
    return status ? status : send_output("embeddings", work, taken[0]->unit);
}

// ---- backward

static inline int run_backward(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    (void)context;
    write_work("backward", work);
    for (int i = 0; i < PHASE_EDGES; i++)
        if (taken[i]) write_message(taken[i]);
    buffer_text(&fake.diary, "\n");
    fake.part.params->gradient[0] += fake.gradient;
    return 0;
}

// ---- the follower

// `train` with gradients and optimizer.
static inline void load_part(const struct stage_row *row, bool train) {
    assert_done(part_open(&fake.part, row, &typed));
    assert_done(part_load(&fake.part, train));
    assert_done(ranks_open(&fake.ranks, row->role, 1));
}

// Sums of so many own microbatches.
static inline void sum_gradients(int own) {
    gradients_free(&fake.gradients);
    if (fake.part.params && fake.part.params->gradient)
        fake.gradients = gradients_new(fake.part.params, fake.ranks, false, GRADIENT_SUM_TREE, own);
}

static struct phase fake_phases[3];

static inline struct follower new_follower(struct hub *hub, struct edges *edges) {
    fake.edges = edges;
    fake_phases[0] = (struct phase){.name = "forward",
                                    .take = {edges_channel(edges, "images")},
                                    .pulls = true,
                                    .enabled = true,
                                    .begin = begin_forward,
                                    .run = run_forward};
    fake_phases[1] = (struct phase){.name = "off", .take = {edges_channel(edges, "images")}, .run = run_backward};
    fake_phases[2] =
        (struct phase){.name = "backward",
                       .take = {edges_channel(edges, "features-grad"), edges_channel(edges, "embeddings-grad")},
                       .enabled = true,
                       .backward = true,
                       .gradients = "",
                       .run = run_backward};
    const int ranks = topology_ranks(&play.topology, hub_role(hub));
    sum_gradients(run_microbatches(&typed) / (ranks ? ranks : 1));
    return (struct follower){.hub = hub,
                             .part = &fake.part,
                             .gradients = fake.gradients,
                             .asker = &edges->asker,
                             .ranks = topology_ranks(&play.topology, hub_role(hub)),
                             .control = edges_channel(edges, "control"),
                             .window = 1,
                             .phase = fake_phases,
                             .phases = 3};
}
