// Which of a stage's edges are opened, where, and in which manner: under a conductor, alone, without gradients, and
// with several ranks at the end that binds.
#include "play.h"

static struct edges edges;

// Opens the row's edges with the addresses that the words give, for a rank of so many.
static int open_as(const struct stage_row *row, const char *words, int rank, int ranks, bool trains) {
    end_play();
    type_model(words);
    topology_set_ranks(&play.topology, row->role, ranks);
    edges = (struct edges){.hub = add_actor(row->role, rank)->hub,
                           .row = row,
                           .topology = &play.topology,
                           .run = &typed,
                           .trains = trains};
    return edges_open(&edges, row->edges, row->edge_count);
}

// "features features-grad control": those that were opened, in the order of the row.
static void assert_open(const char *expected) {
    char text[200] = "";
    for (int i = 0; i < edges.count; i++) {
        assert_non_null(edges_channel(&edges, edges.item[i].of->name).edge);
        snprintf(text + strlen(text), 40, "%s%s", i ? " " : "", edges.item[i].of->name);
    }
    assert_string_equal(text, expected);
}

#define CONDUCTED                                                                                                       \
    "--control ipc://control --features ipc://features --features-grad ipc://d-features --embeddings ipc://embeddings " \
    "--embeddings-grad ipc://d-embeddings --images file:images.rec --tokens file:tokens.rec "

static void begin_files(void) {
    record_units("images.rec", 0, 1);
    record_units("tokens.rec", 0, 1);
}

static void under_a_conductor_the_run_says_which(void **state) {
    (void)state;
    begin_files();
    assert_done(open_as(&image_row, CONDUCTED, 0, 1, true));
    assert_open("images features features-grad embeddings embeddings-grad control");
    assert_done(open_as(&text_row, CONDUCTED, 0, 1, true));
    assert_open("tokens features features-grad embeddings embeddings-grad control");
    assert_done(open_as(&loss_row, CONDUCTED, 0, 1, true));
    assert_open("embeddings embeddings-grad control");
    assert_done(open_as(&image_row, CONDUCTED "--coca-caption-loss-weight 0", 0, 1, true));
    assert_open("images embeddings embeddings-grad control");
    assert_done(open_as(&text_row, CONDUCTED "--coca-contrastive-loss-weight 0", 0, 1, true));
    assert_open("tokens features features-grad control");
    assert_done(open_as(&loss_row, CONDUCTED "--coca-contrastive-loss-weight 0", 0, 1, true));
    assert_open("control");
}

static void without_training_there_are_no_gradients(void **state) {
    (void)state;
    begin_files();
    assert_done(open_as(&image_row, CONDUCTED "--evaluate", 0, 1, false));
    assert_open("images features embeddings control");
    assert_done(open_as(&loss_row, CONDUCTED "--evaluate", 0, 1, false));
    assert_open("embeddings control");
}

static void an_address_that_is_needed_is_asked_for(void **state) {
    (void)state;
    begin_files();
    assert_refused(EXIT_USAGE, "--embeddings ADDRESS is needed",
                   open_as(&image_row,
                           "--control ipc://control --images file:images.rec --features ipc://features "
                           "--features-grad ipc://d-features",
                           0, 1, true));
    assert_refused(EXIT_USAGE, "--images ADDRESS is needed", open_as(&image_row, "", 0, 1, false));
}

// What has no address is left out; one output may be asked for.
static void alone_the_addresses_say_which(void **state) {
    (void)state;
    struct edge *served;
    begin_files();
    assert_done(open_as(&image_row, "--images file:images.rec --embeddings file:out.rec", 0, 1, false));
    assert_open("images embeddings");
    assert_null(edges_channel(&edges, "features").edge);
    assert_int_equal(edges_channel(&edges, "embeddings").peers, 0);
    assert_done(edges_served(&edges, &served));
    assert_null(served);
    assert_done(open_as(&image_row, "--images file:images.rec --embeddings file:out.rec --features ipc://features", 0,
                        1, false));
    assert_done(edges_served(&edges, &served));
    assert_string_equal(edge_name(served), "features");
    assert_done(open_as(&text_row, "--tokens file:tokens.rec --features file:images.rec", 0, 1, false));
    assert_open("tokens features");
}

// ---- where ranks listen

static bool listens_at(const char *address) {
    struct edge *edge;
    const struct edge_options options = {
        .name = "features", .address = address, .manner = EDGE_BIND, .direction = EDGE_OUT};
    listen_in();
    int status = hub_edge(add_actor("other", 0)->hub, &edge, &options);
    heard();
    return status == -EXIT_USAGE;
}

static void each_rank_listens_at_its_own_address(void **state) {
    (void)state;
    begin_files();
    assert_done(open_as(&image_row, CONDUCTED, 1, 3, true));
    assert_true(listens_at("ipc://features.1"));
    assert_true(listens_at("ipc://d-features.1"));
    assert_false(listens_at("ipc://features.0"));
    assert_false(listens_at("ipc://features"));
    assert_done(open_as(&image_row, CONDUCTED, 0, 1, true)); // one rank needs no number
    assert_true(listens_at("ipc://features"));
    assert_done(open_as(&image_row, CONDUCTED "--images ipc://images", 1, 2, true)); // what is pulled, too
    assert_true(listens_at("ipc://images.1"));
    assert_false(listens_at("ipc://images"));
}

// A port that is free, with the one behind it.
static int two_free_ports(void) {
    for (int port = 20000 + (int)getpid() % 20000;; port += 2) {
        char address[40], next[40];
        snprintf(address, sizeof address, "tcp://127.0.0.1:%d", port);
        snprintf(next, sizeof next, "tcp://127.0.0.1:%d", port + 1);
        const bool is_free = !listens_at(address) && !listens_at(next);
        end_play();
        if (is_free) return port;
    }
}

static void over_tcp_ranks_count_the_port_up(void **state) {
    (void)state;
    const int port = two_free_ports();
    char *words = xformat(CONDUCTED "--features tcp://127.0.0.1:%d", port),
         *own = xformat("tcp://127.0.0.1:%d", port + 1), *base = xformat("tcp://127.0.0.1:%d", port);
    begin_files();
    assert_done(open_as(&image_row, words, 1, 2, true));
    assert_true(listens_at(own));
    assert_false(listens_at(base));
    free(words);
    free(own);
    free(base);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_PLAY(under_a_conductor_the_run_says_which),   IN_PLAY(without_training_there_are_no_gradients),
        IN_PLAY(an_address_that_is_needed_is_asked_for), IN_PLAY(alone_the_addresses_say_which),
        IN_PLAY(each_rank_listens_at_its_own_address),   IN_PLAY(over_tcp_ranks_count_the_port_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
