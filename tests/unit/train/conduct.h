// loss under test with followers that are played by hand: what they say in a step, as functions of step, microbatch and
// sample, from however many ranks.
#pragma once

#include "play.h"

#include <math.h>

#include "run/checkpoint.h"
#include "train/conductor.h"
#include "train/gather.h"
#include "train/scalars.h"

enum { G = 8, M = 4, B = G / M, E = 20 };
#define LOSS ((struct address){ROLE_LOSS, 0})

static struct {
    struct part part;
    struct actor *loss;
    struct conductor conductor;
    const char *bad;    // a tensor of image-encode 0 that is not finite in some steps, or NULL
    unsigned bad_steps; // bit s: in step s
} stage;

static inline int leave_stage(void **state) {
    if (stage.part.ops) part_close(&stage.part);
    memset(&stage, 0, sizeof stage);
    return leave_play(state);
}

#define CONDUCTING(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_stage)

// A batch of 8 in microbatches of 2, and so many ranks of both encoders.
static inline void begin_stage(const char *more, int images, int texts) {
    char *words = xformat("--batch-size 8 --microbatch 2 %s", more);
    type_play(words);
    free(words);
    topology_set_ranks(&play.topology, ROLE_IMAGE, images);
    topology_set_ranks(&play.topology, ROLE_TEXT, texts);
    const bool train = !typed.options.evaluate;
    assert_done(part_open(&stage.part, &loss_row, &typed));
    assert_done(part_load(&stage.part, train));
    stage.loss = begin_play(ROLE_LOSS, 0);
    stage.conductor = (struct conductor){.hub = stage.loss->hub,
                                         .part = &stage.part,
                                         .topology = &play.topology,
                                         .control = edge_of(stage.loss, "control"),
                                         .embeddings = edges_channel(&stage.loss->edges, "embeddings").edge,
                                         .embeddings_grad = edges_channel(&stage.loss->edges, "embeddings-grad").edge};
}

static inline void end_stage(void) {
    part_close(&stage.part);
    end_play();
}

// ---- what followers say

// Of sample n of a side: neither a row nor a side is like another.
static inline float value(int side, int64_t n, int64_t e) {
    return (float)(0.1 + 0.3 * (double)((n * 7 + e * 3 + side * 11) % 13) - 0.2 * (double)((n + e) % 5));
}

static inline struct message *embedding_message(int side, struct unit unit) {
    struct message *message = message_new(MESSAGE_DATA, unit);
    float *rows = message_add(message, TENSOR_EMBEDDING, DT_F32, SHAPE(unit.samples, E));
    for (int64_t i = 0; i < unit.samples; i++)
        for (int64_t e = 0; e < E; e++) rows[i * E + e] = value(side, unit.first + i, e);
    return message;
}

static inline const char *role_of(int side) {
    return side == GATHER_IMAGE ? ROLE_IMAGE : ROLE_TEXT;
}

static inline const struct actor *owner(int side, int m) {
    return actor_of(role_of(side), owner_of(m, M, topology_ranks(&play.topology, role_of(side))));
}

static inline void say_embedding(int side, struct unit unit) {
    say(owner(side, unit.microbatch), "embeddings", LOSS, embedding_message(side, unit));
}

static inline struct loss_report caption_of(struct unit unit) {
    return (struct loss_report){"caption", 0.7 * unit.samples + 0.1 * (double)unit.first, 3 * unit.samples};
}

static inline void say_report(struct unit unit) {
    const struct loss_report report = caption_of(unit);
    say(owner(GATHER_TEXT, unit.microbatch), "control", LOSS, report_pack(&report, unit));
}

static inline bool is_bad(struct address who, int64_t step) {
    return stage.bad && who.rank == 0 && !strcmp(who.role, ROLE_IMAGE) && stage.bad_steps >> step & 1;
}

static inline double squares_of(int follower, int64_t step) {
    return is_bad(play.topology.follower[follower], step) ? (double)NAN : 0.5 + 0.25 * follower + (double)step;
}

static inline void say_norm(int follower, int64_t step) {
    const struct address who = play.topology.follower[follower];
    struct norm_report report = {.squares = squares_of(follower, step)};
    if (is_bad(who, step)) strcpy(report.bad, stage.bad);
    say(actor_of(who.role, who.rank), "control", LOSS, norm_pack(&report, step, NULL));
}

// What each follower says in a training step, up to its norm.
static inline void say_step(int64_t step) {
    for (int m = 0; m < M; m++) {
        const struct unit unit = {step, m, step * G + m * B, B};
        for (int side = 0; stage.conductor.embeddings && side < GATHER_SIDES; side++) say_embedding(side, unit);
        if (typed.options.caption_weight > 0) say_report(unit);
    }
    for (int i = 0; i < play.topology.followers; i++) say_norm(i, step);
}

// What each follower says when it is done with a step, rank 0 of each with the files that it wrote for a checkpoint:
// those of its part, from the seed.
static inline void say_done(int64_t step, bool checkpoint) {
    for (int i = 0; i < play.topology.followers; i++) {
        const struct address who = play.topology.follower[i];
        struct written written = {0};
        char *aside = checkpoint_aside(CHECKPOINTS, step + 1);
        if (checkpoint && !who.rank) {
            struct part part;
            assert_done(directory_make(aside));
            assert_done(part_open(&part, stage_find(who.role), &typed));
            assert_done(part_load(&part, true));
            assert_done(part_write(&part, aside, &written, (struct ranks_meanwhile){0}));
            part_close(&part);
        }
        free(aside);
        say(actor_of(who.role, who.rank), "control", LOSS, done_pack(&written, step));
    }
}
