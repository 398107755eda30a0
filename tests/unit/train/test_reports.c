// Losses that stages report are added up by microbatch, whatever order reports come in and from however many ranks, and
// told apart by stage and name. The table has a head with two losses beside text-decode.
#include "play.h"

#include <math.h>

#include "train/reports.h"

#define LOSS ((struct address){ROLE_LOSS, 0})

enum { M = 4 };

static double head_weights[2];

static double first_weight(const struct run_options *options) {
    (void)options;
    return head_weights[0];
}

static double second_weight(const struct run_options *options) {
    (void)options;
    return head_weights[1];
}

static const struct stage_loss head_losses[] = {{.name = "colour", .count = "colours", .weight = first_weight},
                                                {.name = "shape", .weight = second_weight}};
static const struct stage_edge head_edges[] = {{"control", EDGE_CONNECT, EDGE_BOTH, NULL, false}};
static const struct model_part probe_part = {"head", NULL, NULL};
static const struct stage_row probe_row = {
    .role = "head", .part = &probe_part, .edges = head_edges, .edge_count = 1, .losses = head_losses, .loss_count = 2};
const struct stage_row *const stage_rows[] = {&image_row, &text_row, &probe_row, &loss_row, NULL};

enum { CAPTION, COLOUR, SHAPE_LOSS, LOSSES }; // in the order of the table

static struct part part;
static struct conductor conductor;
static struct reports reports;
static const struct step_order order = {.step = 5, .batch = 8, .microbatches = M};

// Weights of the caption and of the head's losses, and ranks of text-decode and head.
static void begin(const char *caption_weight, double colour, double shape, int texts, int heads) {
    char *words = xformat("--batch-size 8 --microbatch 2 --coca-caption-loss-weight %s", caption_weight);
    head_weights[0] = colour;
    head_weights[1] = shape;
    type_play(words);
    free(words);
    topology_set_ranks(&play.topology, ROLE_TEXT, texts);
    topology_set_ranks(&play.topology, "head", heads);
    part = (struct part){.run = &typed};
    const struct actor *loss = begin_play(ROLE_LOSS, 0);
    conductor = (struct conductor){
        .hub = loss->hub, .part = &part, .topology = &play.topology, .control = edge_of(loss, "control")};
    reports_begin(&reports, &conductor);
}

static const char *const roles[LOSSES] = {ROLE_TEXT, "head", "head"};
static const char *const names[LOSSES] = {"caption", "colour", "shape"};

static void report_as(int loss, int m, const char *name, int samples) {
    const int ranks = topology_ranks(&play.topology, roles[loss]);
    const struct loss_report report = {name, 0.1 * (m + 1) + loss, 3 * m + loss};
    const struct unit unit = {order.step, m, 2 * m, samples};
    say(actor_of(roles[loss], owner_of(m, M, ranks)), "control", LOSS, report_pack(&report, unit));
}

static void report(int loss, int m) {
    report_as(loss, m, names[loss], 2);
}

static int take(void) {
    return reports_take(&reports, &conductor, &order);
}

// Σ over the microbatches, in ascending m.
static double sum_of(int loss) {
    double sum = 0;
    for (int m = 0; m < M; m++) sum += 0.1 * (m + 1) + loss;
    return sum;
}

static int64_t count_of(int loss) {
    return 3 * (0 + 1 + 2 + 3) + M * loss;
}

static void assert_taken(int loss) {
    assert_true(reports.loss[loss].sum == sum_of(loss));
    assert_int_equal(reports.loss[loss].count, count_of(loss));
    assert_true(reports_mean(&reports, loss) == sum_of(loss) / (double)count_of(loss));
}

// ---- sums

static void the_order_of_arrival_changes_no_bit(void **state) {
    (void)state;
    static const int order_of[][M] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}};
    static const int ranks[][2] = {{1, 1}, {2, 4}, {4, 2}};
    for (size_t i = 0; i < sizeof order_of / sizeof *order_of; i++)
        for (size_t r = 0; r < sizeof ranks / sizeof *ranks; r++) {
            begin("2", 0.5, 3, ranks[r][0], ranks[r][1]);
            for (int k = 0; k < M; k++)
                for (int loss = 0; loss < LOSSES; loss++) report(loss, order_of[i][k]);
            assert_done(take());
            for (int loss = 0; loss < LOSSES; loss++) assert_taken(loss);
            assert_int_equal(reports.samples, 8);
            const double total = 2 * reports_mean(&reports, CAPTION) + 0.5 * reports_mean(&reports, COLOUR) +
                                 3 * reports_mean(&reports, SHAPE_LOSS);
            assert_true(reports_total(&reports) == total);
            end_play();
        }
}

static void a_loss_without_weight_is_not_waited_for(void **state) {
    (void)state;
    begin("0", 0, 1, 1, 1);
    for (int m = 0; m < M; m++) report(SHAPE_LOSS, m);
    assert_done(take());
    assert_int_equal(reports.count, LOSSES); // metrics name them all
    assert_true(isnan(reports_mean(&reports, CAPTION)) && isnan(reports_mean(&reports, COLOUR)));
    assert_true(reports_total(&reports) == reports_mean(&reports, SHAPE_LOSS));
    assert_true(reports.reported);
}

static void a_run_may_have_no_loss_that_is_reported(void **state) {
    (void)state;
    begin("0", 0, 0, 1, 1);
    assert_done(take());
    assert_false(reports.reported);
    assert_true(reports_total(&reports) == 0);
}

static void a_mean_over_nothing_is_0(void **state) {
    (void)state;
    begin("1", 0, 0, 1, 1);
    for (int m = 0; m < M; m++) {
        const struct loss_report nothing = {"caption", 0, 0};
        say(actor_of(ROLE_TEXT, 0), "control", LOSS, report_pack(&nothing, (struct unit){order.step, m, 0, 0}));
    }
    assert_done(take());
    assert_true(reports_mean(&reports, CAPTION) == 0);
    assert_int_equal(reports.samples, 0);
}

// ---- what cannot be

static void another_name_is_refused(void **state) {
    (void)state;
    begin("1", 0, 0, 2, 1);
    for (int m = 0; m < M; m++) report_as(CAPTION, m, m == 3 ? "colour" : "caption", 2);
    assert_refused(EXIT_RUN, "step 5, microbatch 3: text-decode 1 reports colour where caption is due", take());
}

static void losses_of_a_row_come_in_its_order(void **state) {
    (void)state;
    begin("0", 1, 1, 1, 1);
    report(SHAPE_LOSS, 0);
    report(COLOUR, 0);
    assert_refused(EXIT_RUN, "step 5, microbatch 0: head 0 reports shape where colour is due", take());
}

static void losses_of_other_samples_are_refused(void **state) {
    (void)state;
    begin("1", 1, 0, 1, 1);
    for (int m = 0; m < M; m++) {
        report(CAPTION, m);
        report_as(COLOUR, m, "colour", m == 3 ? 1 : 2);
    }
    assert_refused(EXIT_RUN, "step 5: colour is reported of 7 samples, other losses of 8", take());
}

static void a_report_without_its_sum_is_refused(void **state) {
    (void)state;
    begin("1", 0, 0, 1, 1);
    say(actor_of(ROLE_TEXT, 0), "control", LOSS, message_tell(WORD_REPORT, (struct unit){order.step, 0, 0, 2}));
    assert_refused(EXIT_RUN, "sum", take());
}

// The rank that owns a microbatch reports it; what another one says of it is not taken for it.
static void the_owner_is_waited_for(void **state) {
    (void)state;
    const struct loss_report claim = {"caption", 1, 1};
    play.patience = 0.2;
    begin("1", 0, 0, 2, 1);
    for (int m = 0; m < M; m++)
        say(actor_of(ROLE_TEXT, 0), "control", LOSS, report_pack(&claim, (struct unit){order.step, m, 0, 2}));
    assert_refused(EXIT_PEER, "edge control waits for report (5, 2) from text-decode 1", take());
}

static void a_stage_that_ends_within_the_step_is_named(void **state) {
    (void)state;
    begin("1", 0, 0, 2, 1);
    for (int m = 0; m < 3; m++) report(CAPTION, m);
    say_end(actor_of(ROLE_TEXT, 1), "control");
    assert_refused(EXIT_PEER, "text-decode 1 ended within step 5", take());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_PLAY(the_order_of_arrival_changes_no_bit),
        IN_PLAY(a_loss_without_weight_is_not_waited_for),
        IN_PLAY(a_run_may_have_no_loss_that_is_reported),
        IN_PLAY(a_mean_over_nothing_is_0),
        IN_PLAY(another_name_is_refused),
        IN_PLAY(losses_of_a_row_come_in_its_order),
        IN_PLAY(losses_of_other_samples_are_refused),
        IN_PLAY(a_report_without_its_sum_is_refused),
        IN_PLAY(the_owner_is_waited_for),
        IN_PLAY(a_stage_that_ends_within_the_step_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
