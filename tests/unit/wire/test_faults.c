// Recordings and edges with the nth call failing.
#include "../faults/faults.h"
#include "peers.h"

#include "wire/recording.h"

enum { STEPS = 3, ROWS = 5000 }; // more bytes than a pipe polls for

// ---- recordings

static struct message *step_message(int64_t step) {
    struct message *message = data_of(unit_of(step, 0), 7);
    int64_t *rows = message_add(message, "rows", DT_I64, SHAPE(ROWS));
    for (int64_t i = 0; i < ROWS; i++) rows[i] = step * ROWS + i;
    return message;
}

static bool is_step(const struct message *message, int64_t step) {
    const void *rows = NULL;
    if (message_tensor(message, "rows", DT_I64, SHAPE(ROWS), &rows)) return false;
    const int64_t *row = rows;
    return message->unit.step == step && row[0] == step * ROWS && row[ROWS - 1] == step * ROWS + ROWS - 1;
}

static int record(void) {
    struct recording *recording;
    int status = recording_create(&recording, "file");
    if (status) return status;
    for (int64_t s = 0; s < STEPS && !status; s++) {
        struct message *message = step_message(s);
        status = recording_write(recording, message);
        message_free(&message);
    }
    if (!status) return recording_close(&recording);
    recording_abandon(&recording);
    return status;
}

static int replay(void) {
    struct recording *recording;
    struct message *message;
    int64_t steps = 0;
    int status = recording_open(&recording, "file");
    if (status) return status;
    while (!(status = recording_read(recording, &message)) && message) {
        steps += is_step(message, steps);
        message_free(&message);
    }
    recording_abandon(&recording);
    return status ? status : steps != STEPS;
}

static void make_nothing(void) {
}

// What is not whole does not read as if it were: it lacks its end.
static bool is_cut(void) {
    return replay() < 0;
}

static bool is_recorded(void) {
    return !replay();
}

static void make_recording(void) {
    assert_int_equal(record(), 0);
}

static void a_recording_ends_or_is_seen_to_be_cut(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_nothing, record, is_cut, is_recorded, "file"});
    assert_survives(&(struct fault_task){make_recording, replay, NULL, NULL, "file"});
}

// ---- edges

// Two stages in one process, which never both wait.
struct pair {
    struct hub *hub[2];
    struct edge *edge[2];
};

static struct hub *impatient_hub(const char *role) {
    struct hub_config config = config_of(role);
    config.peer_timeout = config.stall_timeout = 1;
    return hub_new(&config);
}

// Each would wait for the other's end.
static int close_pair(struct pair *pair, int status) {
    for (int i = 0; i < 2 && !status; i++) status = edge_end(pair->edge[i]);
    for (int i = 0; i < 2; i++) {
        const int ended = status ? 0 : hub_close(&pair->hub[i]);
        if (pair->hub[i]) hub_abandon(&pair->hub[i]);
        if (!status) status = ended;
    }
    return status;
}

static int send_step(struct pair *pair, int from, struct address to, int64_t step) {
    struct message *message = step_message(step);
    return edge_send(pair->edge[from], to, &message);
}

static int take_step(struct pair *pair, int at, struct address from, int64_t step) {
    struct message *message = NULL;
    int status = edge_take(pair->edge[at], wanted_data(from, step, 0), &message);
    if (!status) status = !is_step(message, step);
    message_free(&message);
    return status;
}

#define IMAGE ((struct address){"image-encode", 0})
#define TEXT ((struct address){"text-decode", 0})

static int exchange(void) {
    struct pair pair = {.hub = {impatient_hub("image-encode"), impatient_hub("text-decode")}};
    int status = open_edge(pair.hub[0], &pair.edge[0], "features", "ipc://features", EDGE_BIND, "text-decode");
    if (!status) status = open_edge(pair.hub[1], &pair.edge[1], "features", "ipc://features", EDGE_CONNECT, NULL);
    for (int i = 0; i < 2 && !status; i++) status = hub_meet(pair.hub[i]);
    for (int64_t s = 0; s < STEPS && !status; s++) {
        status = send_step(&pair, 0, TEXT, s);
        if (!status) status = take_step(&pair, 1, IMAGE, s);
        if (!status) status = send_step(&pair, 1, ANYBODY, s);
        if (!status) status = take_step(&pair, 0, TEXT, s);
    }
    return close_pair(&pair, status);
}

static void a_message_arrives_or_its_loss_is_told(void **state) {
    (void)state;
    assert_survives(&(struct fault_task){make_nothing, exchange, NULL, NULL, "error"});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_recording_ends_or_is_seen_to_be_cut),
        IN_FOLDER(a_message_arrives_or_its_loss_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
