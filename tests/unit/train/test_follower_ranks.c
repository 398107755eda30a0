// Several ranks of a stage: each follower has its block of the microbatches and talks to the owners at the other ends,
// as many ranks as there are on either side.
#include "phases.h"

enum { M = 8 };

static struct {
    int images, texts;           // ranks
    const struct stage_row *row; // of the follower under test, as the next two
    struct address address;
    struct share share;
    struct actor *self, *loss;
} job;

// So many ranks of both sides; the one under test has recordings of what it pulls.
static void begin(int images, int texts, const struct stage_row *row, int rank) {
    struct recording *recording;
    job.images = images;
    job.texts = texts;
    job.row = row;
    job.address = (struct address){row->role, rank};
    job.share = share_of(M, rank, row == &image_row ? images : texts);
    type_play("--batch-size 16 --microbatch 2 --images file:own.rec --tokens file:own.rec");
    topology_set_ranks(&play.topology, ROLE_IMAGE, images);
    topology_set_ranks(&play.topology, ROLE_TEXT, texts);
    assert_done(recording_create(&recording, "own.rec"));
    for (int i = 0; i < job.share.count; i++)
        record_unit(recording, (struct unit){0, job.share.first + i, 2 * (job.share.first + i), 2});
    assert_done(recording_close(&recording));
    load_part(row, true);
    job.self = begin_play(row->role, rank);
    job.loss = actor_of(ROLE_LOSS, 0);
}

// ---- the others' part

static void say_step(void) {
    const struct step_order order = {.step = 0, .batch = 16, .microbatches = M};
    const struct scale_order scale = {.clip = 1, .last = true, .checkpoint = true};
    say(job.loss, "control", job.address, step_pack(&order));
    say(job.loss, "control", job.address, scale_pack(&scale, 0));
}

// Each rank of a role says the data of every microbatch of the follower under test, also of those that it does not own;
// the owner comes last.
static void every_rank_says(const char *role, int ranks, const char *edge) {
    for (int i = 0; i < job.share.count; i++) {
        const int m = job.share.first + i, owner = owner_of(m, M, ranks);
        for (int rank = 0; rank < ranks; rank++)
            if (rank != owner) say_data(actor_of(role, rank), edge, job.address, 0, m);
        say_data(actor_of(role, owner), edge, job.address, 0, m);
    }
}

static void end_control_behind_done(void) {
    if (edge_ready(edge_of(job.loss, "control"), wanted_word(WORD_DONE, job.address, 0, 0)))
        say_end(job.loss, "control");
}

static void follow(struct follower *follower) {
    fake.gradient = 1;
    play.meanwhile = end_control_behind_done;
    assert_done(follower_run(follower));
    say_all_ends(job.self);
}

// ---- what the follower did

// A line for each own microbatch: "WHAT 0/m in i of own: 0/m of A (2) …", and of each of those whose data it took, the
// owner among its ranks.
static void expect_lines(struct buffer *text, const char *what, const char *const role[PHASE_EDGES],
                         const int ranks[PHASE_EDGES]) {
    for (int i = 0; i < job.share.count; i++) {
        const int m = job.share.first + i;
        buffer_format(text, "%s 0/%d in %d of %d:", what, m, i, job.share.count);
        for (int k = 0; k < PHASE_EDGES; k++)
            if (role[k]) buffer_format(text, " 0/%d of %s %d (2)", m, role[k], owner_of(m, M, ranks[k]));
        buffer_text(text, "\n");
    }
}

// Every rank of the role got what it owns of the follower's microbatches, and nothing else.
static void owners_got(const char *role, int ranks, const char *edge) {
    for (int rank = 0; rank < ranks; rank++) {
        const struct actor *peer = actor_of(role, rank);
        for (int i = 0; i < job.share.count; i++)
            if (owner_of(job.share.first + i, M, ranks) == rank)
                hear_data(peer, edge, job.address, 0, job.share.first + i);
        hear_end(peer, edge, job.address);
    }
}

// The norm is of the own microbatches, and said by rank 0; the files of a checkpoint are rank 0's.
static void norm_and_files_are_the_ranks_own(void) {
    struct norm_report norm;
    struct written written;
    struct message *message = hear(job.loss, "control", wanted_word(WORD_NORM, job.address, 0, 0));
    assert_done(norm_unpack(message, &norm));
    assert_true(norm.squares == (job.address.rank ? 0 : job.share.count * job.share.count));
    message_free(&message);
    message = hear(job.loss, "control", wanted_word(WORD_DONE, job.address, 0, 0));
    assert_done(done_unpack(message, &written));
    assert_int_equal(written.count, job.address.rank ? 0 : 2);
    char *file = xformat("checkpoints/.step-1/%s.safetensors", job.row->part->name);
    assert_true(file_exists(file) == !job.address.rank);
    free(file);
    message_free(&message);
}

static void image_has_its_block(int images, int texts, int rank) {
    begin(images, texts, &image_row, rank);
    struct follower follower = new_follower(job.self->hub, &job.self->edges);
    struct buffer expected = {0};
    say_step();
    every_rank_says(ROLE_TEXT, texts, "features-grad");
    every_rank_says(ROLE_LOSS, 1, "embeddings-grad");
    follow(&follower);
    buffer_format(&expected, "step 0, %d own of %d\n", job.share.count, M);
    expect_lines(&expected, "forward", (const char *const[]){"decode", NULL}, (const int[]){1, 1});
    expect_lines(&expected, "backward", (const char *const[]){ROLE_TEXT, ROLE_LOSS}, (const int[]){texts, 1});
    assert_diary(expected.bytes);
    buffer_release(&expected);
    owners_got(ROLE_TEXT, texts, "features");
    owners_got(ROLE_LOSS, 1, "embeddings");
    norm_and_files_are_the_ranks_own();
}

static int say_d_features(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    run_backward(context, work, taken);
    return send_output("features-grad", work, taken[0]->unit);
}

// text-decode with one phase, that takes tokens and features and sends the features' gradients back.
static void text_has_its_block(int images, int texts, int rank) {
    begin(images, texts, &text_row, rank);
    struct follower follower = new_follower(job.self->hub, &job.self->edges);
    const struct phase phase = {
        .take = {edges_channel(&job.self->edges, "tokens"), edges_channel(&job.self->edges, "features")},
        .pulls = true,
        .enabled = true,
        .run = say_d_features};
    struct buffer expected = {0};
    follower.phase = &phase;
    follower.phases = 1;
    say_step();
    every_rank_says(ROLE_IMAGE, images, "features");
    follow(&follower);
    expect_lines(&expected, "backward", (const char *const[]){"decode", ROLE_IMAGE}, (const int[]){1, images});
    assert_diary(expected.bytes);
    buffer_release(&expected);
    owners_got(ROLE_IMAGE, images, "features-grad");
    norm_and_files_are_the_ranks_own();
}

// ---- tests: as many ranks on both sides, fewer, more

static const int ranks[][2] = {{2, 2}, {2, 1}, {1, 2}, {4, 2}, {2, 4}};

static void end_job(void) {
    end_play();
    close_part();
    directory_remove("checkpoints");
}

static void each_rank_of_image_encode_has_its_block(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++)
        for (int rank = 0; rank < ranks[i][0]; rank++) {
            image_has_its_block(ranks[i][0], ranks[i][1], rank);
            end_job();
        }
}

static void each_rank_of_text_decode_has_its_block(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++)
        for (int rank = 0; rank < ranks[i][1]; rank++) {
            text_has_its_block(ranks[i][0], ranks[i][1], rank);
            end_job();
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_PHASES(each_rank_of_image_encode_has_its_block),
        WITH_PHASES(each_rank_of_text_decode_has_its_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
