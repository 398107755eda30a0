// Who takes part in a run, who owns which microbatch, and who is at the other end of each edge: of CoCa's stages, and
// of a table with one stage more.
#include "../run/run.h"

#include "train/edges.h"
#include "train/topology.h"

// ---- the table: a head that reads features beside text-decode, when it is told to take part

static bool head_is_there;

static bool head_takes_part(const struct run_options *options) {
    (void)options;
    return head_is_there;
}

static double head_weight(const struct run_options *options) {
    (void)options;
    return 1;
}

static const struct stage_loss head_losses[] = {{.name = "head", .weight = head_weight}};
static const struct stage_edge head_edges[] = {
    {"features", EDGE_CONNECT, EDGE_IN, NULL, false},
    {"features-grad", EDGE_CONNECT, EDGE_OUT, NULL, true},
    {"control", EDGE_CONNECT, EDGE_BOTH, NULL, false},
};
static const struct model_part probe_part = {"head", NULL, NULL};
static const struct stage_row probe_row = {.role = "head",
                                           .part = &probe_part,
                                           .takes_part = head_takes_part,
                                           .edges = head_edges,
                                           .edge_count = 3,
                                           .losses = head_losses,
                                           .loss_count = 1};

const struct stage_row *const stage_rows[] = {&image_row, &text_row, &probe_row, &loss_row, NULL};

// ---- a topology in words

static struct topology topology_for(const char *words) {
    assert_done(type_options(words));
    return topology_of(&typed);
}

// "image-encode 0, image-encode 1, text-decode 0"
static void assert_followers(const struct topology *topology, const char *expected) {
    char text[400] = "", who[ADDRESS_TEXT];
    for (int i = 0; i < topology->followers; i++) {
        if (i) strcat(text, ", ");
        strcat(text, address_text(topology->follower[i], who));
    }
    assert_string_equal(text, expected);
}

// "text-decode x 2, head x 1", "" when nobody is there
static void assert_peers(const struct topology *topology, const struct stage_row *row, const char *edge, bool trains,
                         const char *expected) {
    struct peer_group group[TOPOLOGY_STAGES];
    const struct stage_edge *of = stage_edge(row, edge);
    char text[400] = "";
    assert_non_null(of);
    int count = topology_peers(topology, row, of, &typed, trains, group);
    for (int i = 0; i < count; i++)
        snprintf(text + strlen(text), 100, "%s%s x %d", i ? ", " : "", group[i].role, group[i].ranks);
    if (strcmp(text, expected)) fail_msg("%s of %s: \"%s\", not \"%s\"", edge, row->role, text, expected);
}

// The edges between image-encode and text-decode, and those of each of them with loss.
static void assert_edges(const struct topology *topology, bool trains, bool features, bool embeddings) {
    static const char *const forward[] = {"features", "embeddings"}, *const back[] = {"features-grad",
                                                                                      "embeddings-grad"};
    const char *both = "image-encode x 1, text-decode x 1";
    for (int gradients = 0; gradients < 2; gradients++) {
        const char *const *edge = gradients ? back : forward;
        bool used = !gradients || trains;
        assert_peers(topology, &image_row, edge[0], trains, used && features ? "text-decode x 1" : "");
        assert_peers(topology, &text_row, edge[0], trains, used && features ? "image-encode x 1" : "");
        assert_peers(topology, &image_row, edge[1], trains, used && embeddings ? "loss x 1" : "");
        assert_peers(topology, &text_row, edge[1], trains, used && embeddings ? "loss x 1" : "");
        assert_peers(topology, &loss_row, edge[1], trains, used && embeddings ? both : "");
    }
}

// ---- ranks and microbatches

static void each_microbatch_has_one_owner(void **state) {
    (void)state;
    for (int M = 1; M <= 24; M++)
        for (int R = 1; R <= M; R++) {
            if (M % R) continue;
            for (int rank = 0, next = 0; rank < R; rank++) {
                const struct share share = share_of(M, rank, R);
                assert_int_equal(share.first, next);
                assert_int_equal(share.count, M / R);
                for (next = share.first; next < share.first + share.count; next++)
                    assert_int_equal(owner_of(next, M, R), rank);
            }
        }
}

static void without_a_count_rank_0_owns_all(void **state) {
    (void)state;
    for (int m = 0; m < 3; m++) assert_int_equal(owner_of(m, 0, 1), 0);
    assert_int_equal(owner_of(5, 0, 4), 0);
}

static void followers_stand_by_row_then_by_rank(void **state) {
    (void)state;
    struct topology topology = topology_for("");
    assert_followers(&topology, "image-encode 0, text-decode 0");
    topology_set_ranks(&topology, ROLE_TEXT, 2);
    assert_followers(&topology, "image-encode 0, text-decode 0, text-decode 1");
    topology_set_ranks(&topology, ROLE_IMAGE, 3);
    assert_followers(&topology, "image-encode 0, image-encode 1, image-encode 2, text-decode 0, text-decode 1");
    assert_int_equal(topology_ranks(&topology, ROLE_IMAGE), 3);
    assert_int_equal(topology_ranks(&topology, ROLE_LOSS), 1);
    topology_set_ranks(&topology, ROLE_IMAGE, 1);
    assert_followers(&topology, "image-encode 0, text-decode 0, text-decode 1");
}

static struct topology with_too_many;

static void add_ranks(void) {
    topology_set_ranks(&with_too_many, ROLE_TEXT, TOPOLOGY_FOLLOWERS);
}

static void set_ranks_of_nobody(void) {
    topology_set_ranks(&with_too_many, "head", 2);
}

static void ranks_are_counted(void **state) {
    (void)state;
    with_too_many = topology_for("");
    topology_set_ranks(&with_too_many, ROLE_TEXT, TOPOLOGY_FOLLOWERS - 1);
    assert_int_equal(with_too_many.followers, TOPOLOGY_FOLLOWERS);
    assert_aborts(add_ranks, "more than 1024 followers");
    assert_aborts(set_ranks_of_nobody, "head takes no part");
}

// ---- who takes part

static void assert_parts(const struct topology *topology, const char *expected) {
    const struct model_part *part[TOPOLOGY_STAGES];
    char text[100] = "";
    int count = topology_parts(topology, part);
    for (int i = 0; i < count; i++) snprintf(text + strlen(text), 20, "%s%s", i ? " " : "", part[i]->name);
    assert_string_equal(text, expected);
}

static void losses_decide_who_takes_part(void **state) {
    (void)state;
    struct topology topology = topology_for("--coca-caption-loss-weight 0");
    assert_parts(&topology, "image text loss");
    assert_true(topology_has_loss(&topology, &typed.options));
    topology = topology_for("--coca-contrastive-loss-weight 0");
    assert_parts(&topology, "image text loss");
    assert_true(topology_has_loss(&topology, &typed.options));
    topology = topology_for("--coca-caption-loss-weight 0 --coca-contrastive-loss-weight 0");
    assert_parts(&topology, "image loss");
    assert_followers(&topology, "image-encode 0");
    assert_int_equal(topology_ranks(&topology, ROLE_TEXT), 0);
    assert_false(topology_has_loss(&topology, &typed.options));
}

static void losses_decide_about_edges(void **state) {
    (void)state;
    static const char *const words[2][2] = {
        {"--coca-caption-loss-weight 0 --coca-contrastive-loss-weight 0", "--coca-caption-loss-weight 0"},
        {"--coca-contrastive-loss-weight 0", ""}};
    for (int captions = 0; captions < 2; captions++)
        for (int contrast = 0; contrast < 2; contrast++)
            for (int trains = 0; trains < 2; trains++) {
                const struct topology topology = topology_for(words[captions][contrast]);
                bool texts = captions || contrast;
                assert_edges(&topology, trains, captions, contrast);
                assert_peers(&topology, &image_row, "control", trains, "loss x 1");
                assert_peers(&topology, &loss_row, "control", trains,
                             texts ? "image-encode x 1, text-decode x 1" : "image-encode x 1");
            }
}

static void what_is_pulled_has_no_peers(void **state) {
    (void)state;
    const struct topology topology = topology_for("");
    assert_peers(&topology, &image_row, "images", true, "");
    assert_peers(&topology, &text_row, "tokens", true, "");
    assert_string_equal(worker_of("images")->name, "decode");
    assert_string_equal(worker_of("tokens")->name, "tokenize");
}

static void peers_come_with_their_ranks(void **state) {
    (void)state;
    struct topology topology = topology_for("");
    topology_set_ranks(&topology, ROLE_IMAGE, 4);
    topology_set_ranks(&topology, ROLE_TEXT, 2);
    assert_peers(&topology, &image_row, "features", true, "text-decode x 2");
    assert_peers(&topology, &text_row, "features-grad", true, "image-encode x 4");
    assert_peers(&topology, &loss_row, "control", true, "image-encode x 4, text-decode x 2");
}

static void workers_serve_all_ranks_that_pull(void **state) {
    (void)state;
    topology_for("--batch-size 8 --microbatch 1 --replicas 4,2");
    assert_int_equal(topology_consumers(&typed, "images"), 4);
    assert_int_equal(topology_consumers(&typed, "tokens"), 2);
    assert_int_equal(topology_consumers(&typed, "labels"), 1); // nobody reads them in this run
    assert_int_equal(topology_consumers(&typed, "features"), 1);
}

// ---- a stage more

static void a_row_more_is_a_stage_more(void **state) {
    (void)state;
    head_is_there = true;
    struct topology topology = topology_for("--coca-caption-loss-weight 0 --coca-contrastive-loss-weight 0");
    assert_parts(&topology, "image head loss");
    assert_true(topology_has_loss(&topology, &typed.options));
    assert_peers(&topology, &image_row, "features", true, "head x 1");
    topology = topology_for("");
    topology_set_ranks(&topology, "head", 2);
    assert_parts(&topology, "image text head loss");
    assert_followers(&topology, "image-encode 0, text-decode 0, head 0, head 1");
    assert_peers(&topology, &image_row, "features", true, "text-decode x 1, head x 2");
    assert_peers(&topology, &image_row, "features-grad", true, "text-decode x 1, head x 2");
    assert_peers(&topology, &image_row, "features-grad", false, "");
    assert_peers(&topology, &probe_row, "features", true,
                 "image-encode x 1"); // and not text-decode, which connects too
    assert_peers(&topology, &loss_row, "control", true, "image-encode x 1, text-decode x 1, head x 2");
    assert_peers(&topology, &loss_row, "embeddings", true, "image-encode x 1, text-decode x 1");
    head_is_there = false;
    topology = topology_for("");
    assert_peers(&topology, &image_row, "features", true, "text-decode x 1");
}

// Whom a channel sends to: the owner at the other end, unless there is nobody, or more than one stage, to choose from.
static void a_channel_leads_to_the_owner(void **state) {
    (void)state;
    char who[ADDRESS_TEXT];
    struct channel channel = {.peer = {{"text-decode", 2}}, .peers = 1};
    assert_string_equal(address_text(channel_address(&channel, 2, 8), who), "text-decode 0");
    assert_string_equal(address_text(channel_address(&channel, 4, 8), who), "text-decode 1");
    channel.peer[0].ranks = 1;
    assert_string_equal(address_text(channel_address(&channel, 7, 8), who), "text-decode 0");
    channel.peers = 0;
    assert_string_equal(address_text(channel_address(&channel, 7, 8), who), "anybody");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(each_microbatch_has_one_owner),       IN_FOLDER(without_a_count_rank_0_owns_all),
        IN_FOLDER(followers_stand_by_row_then_by_rank), IN_FOLDER(ranks_are_counted),
        IN_FOLDER(losses_decide_who_takes_part),        IN_FOLDER(losses_decide_about_edges),
        IN_FOLDER(what_is_pulled_has_no_peers),         IN_FOLDER(peers_come_with_their_ranks),
        IN_FOLDER(workers_serve_all_ranks_that_pull),   IN_FOLDER(a_row_more_is_a_stage_more),
        IN_FOLDER(a_channel_leads_to_the_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
