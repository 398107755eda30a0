// Several ranks of a role: two of image-encode, one or two of text-decode and a loss, as processes, that exchange a
// step's messages, each rank owning part of the microbatches. They are told apart in messages, refusals, losses and
// absences.
#include "peers.h"

enum { MICROBATCHES = 4, IMAGES = 2, LOSS_MARK = 300 };

// What a process is told.
struct replica {
    const char *role;
    int rank, texts;       // ranks of text-decode
    bool image, text;      // what the role is; neither: loss
    double peer_timeout;   // 0: the usual
    int64_t steps;         // of loss; 0: until the file "enough" is there
    const char *images[2]; // where text-decode finds features; NULL: the usual
};

static struct replica image_of(int rank, int texts) {
    return (struct replica){.role = "image-encode", .rank = rank, .texts = texts, .image = true};
}
static struct replica text_of(int rank, int texts) {
    return (struct replica){
        .role = "text-decode", .rank = rank, .texts = texts, .text = true, .images = {"features.0", "features.1"}};
}
static struct replica loss_of(int texts, int64_t steps) {
    return (struct replica){.role = "loss", .texts = texts, .steps = steps};
}

// Blocks for images and turns for texts, so that with two of each every pair has something to exchange.
static struct address image_owner(int m) {
    return (struct address){"image-encode", m / (MICROBATCHES / IMAGES)};
}
static struct address text_owner(int m, int texts) {
    return (struct address){"text-decode", m % texts};
}
static bool owns(const struct replica *own, int m) {
    const struct address owner = own->image ? image_owner(m) : text_owner(m, own->texts);
    return owner.rank == own->rank;
}
// What a data message says of its sender.
static int64_t mark_of(struct address address) {
    return (strcmp(address.role, "image-encode") == 0 ? 100 : 200) + address.rank;
}

// --- Messages

static int send_data(struct edge *edge, struct address to, int64_t step, int m, int64_t mark) {
    struct message *message = data_of(unit_of(step, m), mark);
    return edge_send(edge, to, &message);
}

static int take_data(struct edge *edge, struct address from, int64_t step, int m, int64_t mark) {
    struct message *message;
    int status = edge_take(edge, wanted_data(from, step, m), &message);
    if (status) return status;
    const int64_t *value = value_of(message);
    if (value[0] != step || value[1] != m || value[2] != mark)
        status = error(EXIT_RUN, "(%d, %d) of %d is (%d, %d) of %d", (int)step, m, (int)mark, (int)value[0],
                       (int)value[1], (int)value[2]);
    message_free(&message);
    return status;
}

static int tell(struct edge *edge, struct address to, const char *word, int64_t step) {
    struct message *message = message_tell(word, unit_of(step, 0));
    return edge_send(edge, to, &message);
}

static int hear(struct edge *edge, struct address from, const char *word, int64_t *step) {
    struct message *message;
    int status = edge_take(edge, wanted_word(word, from, *step, 0), &message);
    if (status) return status;
    *step = message->unit.step;
    if (from.role && (message->rank != from.rank || strcmp(message->from, from.role) != 0))
        status = error(EXIT_RUN, "%s of %s %d is of %s %d", word, from.role, from.rank, message->from, message->rank);
    message_free(&message);
    return status;
}

// --- The ranks

struct edges {
    struct edge *features, *features_grad, *embeddings, *embeddings_grad, *control;
};

static int bind_one(struct hub *hub, struct edge **edge, const char *name, const char *address,
                    const struct peer_group *peers, int count) {
    const struct edge_options options = {name, address, EDGE_BIND, EDGE_BOTH, 0, peers, count, NULL};
    return hub_edge(hub, edge, &options);
}

static int connect_one(struct hub *hub, struct edge **edge, const char *name, const char *address,
                       struct peer_group peers) {
    const struct edge_options options = {name, address, EDGE_CONNECT, EDGE_BOTH, 0, &peers, 1, NULL};
    return hub_edge(hub, edge, &options);
}

static int connect_to_loss(struct hub *hub, struct edges *edges) {
    const struct peer_group loss = {"loss", 1};
    int status = connect_one(hub, &edges->embeddings, "embeddings", "ipc://embeddings", loss);
    if (!status) status = connect_one(hub, &edges->embeddings_grad, "embeddings-grad", "ipc://embeddings-grad", loss);
    return status ? status : connect_one(hub, &edges->control, "control", "ipc://control", loss);
}

static int open_image(struct hub *hub, const struct replica *own, struct edges *edges) {
    const struct peer_group texts = {"text-decode", own->texts};
    char features[40], gradients[40];
    snprintf(features, sizeof features, "ipc://features.%d", own->rank);
    snprintf(gradients, sizeof gradients, "ipc://features-grad.%d", own->rank);
    int status = bind_one(hub, &edges->features, "features", features, &texts, 1);
    return status ? status : bind_one(hub, &edges->features_grad, "features-grad", gradients, &texts, 1);
}

static int connect_to_images(struct hub *hub, struct edge **edge, const char *name, const char *const sockets[IMAGES]) {
    char address[IMAGES][60];
    for (int i = 0; i < IMAGES; i++) snprintf(address[i], sizeof address[i], "ipc://%s", sockets[i]);
    int status = connect_one(hub, edge, name, address[0], (struct peer_group){"image-encode", IMAGES});
    return status ? status : edge_connect(*edge, address[1]);
}

static int open_text(struct hub *hub, const struct replica *own, struct edges *edges) {
    static const char *const gradients[] = {"features-grad.0", "features-grad.1"};
    int status = connect_to_images(hub, &edges->features, "features", own->images);
    return status ? status : connect_to_images(hub, &edges->features_grad, "features-grad", gradients);
}

static int open_loss(struct hub *hub, const struct replica *own, struct edges *edges) {
    const struct peer_group both[] = {{"image-encode", IMAGES}, {"text-decode", own->texts}};
    int status = bind_one(hub, &edges->embeddings, "embeddings", "ipc://embeddings", both, 2);
    if (!status) status = bind_one(hub, &edges->embeddings_grad, "embeddings-grad", "ipc://embeddings-grad", both, 2);
    return status ? status : bind_one(hub, &edges->control, "control", "ipc://control", both, 2);
}

static int open_all(struct hub *hub, const struct replica *own, struct edges *edges) {
    if (!own->image && !own->text) return open_loss(hub, own, edges);
    int status = connect_to_loss(hub, edges);
    if (status) return status;
    return own->image ? open_image(hub, own, edges) : open_text(hub, own, edges);
}

// The passes over one of the own microbatches, as far as they are messages.
static int pass_forward(const struct replica *own, const struct edges *edges, int64_t step, int m) {
    const struct address here = {own->role, own->rank}, text = text_owner(m, own->texts), image = image_owner(m);
    int status = send_data(edges->embeddings, ANYBODY, step, m, mark_of(here));
    if (status) return status;
    if (own->image) return send_data(edges->features, text, step, m, mark_of(here));
    status = take_data(edges->features, image, step, m, mark_of(image));
    return status ? status : send_data(edges->features_grad, image, step, m, mark_of(here));
}

static int pass_backward(const struct replica *own, const struct edges *edges, int64_t step, int m) {
    const struct address text = text_owner(m, own->texts), loss = {"loss", 0};
    int status = take_data(edges->embeddings_grad, loss, step, m, LOSS_MARK);
    if (status || own->text) return status;
    return take_data(edges->features_grad, text, step, m, mark_of(text));
}

static int follow(const struct replica *own, const struct edges *edges) {
    int status = 0;
    while (!status) {
        int64_t step = -1;
        status = hear(edges->control, ANYBODY, "step", &step);
        for (int m = 0; m < MICROBATCHES && !status; m++)
            if (owns(own, m)) status = pass_forward(own, edges, step, m);
        for (int m = 0; m < MICROBATCHES && !status; m++)
            if (owns(own, m)) status = pass_backward(own, edges, step, m);
        if (!status) status = tell(edges->control, ANYBODY, "norm", step);
        if (!status) status = hear(edges->control, ANYBODY, "scale", &step);
    }
    return status == HUB_END ? 0 : status;
}

// The k-th follower.
static struct address follower_of(int k) {
    return k < IMAGES ? (struct address){"image-encode", k} : (struct address){"text-decode", k - IMAGES};
}

static int gather(const struct replica *own, const struct edges *edges, int64_t step) {
    int status = 0;
    for (int m = 0; m < MICROBATCHES && !status; m++) {
        const struct address image = image_owner(m), text = text_owner(m, own->texts);
        status = take_data(edges->embeddings, image, step, m, mark_of(image));
        if (!status) status = take_data(edges->embeddings, text, step, m, mark_of(text));
    }
    for (int m = 0; m < MICROBATCHES && !status; m++) {
        status = send_data(edges->embeddings_grad, image_owner(m), step, m, LOSS_MARK);
        if (!status) status = send_data(edges->embeddings_grad, text_owner(m, own->texts), step, m, LOSS_MARK);
    }
    return status;
}

static int conduct_step(const struct replica *own, const struct edges *edges, int64_t step) {
    const int followers = IMAGES + own->texts;
    int status = 0;
    for (int k = 0; k < followers && !status; k++) status = tell(edges->control, follower_of(k), "step", step);
    if (!status) status = gather(own, edges, step);
    for (int k = followers; k-- > 0 && !status;) status = hear(edges->control, follower_of(k), "norm", &step);
    for (int k = 0; k < followers && !status; k++) status = tell(edges->control, follower_of(k), "scale", step);
    return status;
}

static int conduct(const struct replica *own, const struct edges *edges) {
    int status = 0;
    for (int64_t step = 0; !status && (own->steps ? step < own->steps : !file_exists("enough")); step++) {
        status = conduct_step(own, edges, step);
        if (step == 0) file_write("going", "", 0);
    }
    return status;
}

static int live(void *argument) {
    const struct replica *own = argument;
    struct hub_config config = config_of(own->role);
    struct edges edges = {0};
    if (!freopen("log", "a", stderr)) return 1;
    config.rank = own->rank;
    if (own->peer_timeout) config.peer_timeout = own->peer_timeout;
    struct hub *hub = hub_new(&config);
    int status = open_all(hub, own, &edges);
    if (!status) status = hub_meet(hub);
    if (!status) status = own->image || own->text ? follow(own, &edges) : conduct(own, &edges);
    if (!status) return hub_close(&hub);
    hub_abandon(&hub);
    return status;
}

static pid_t start_replica(struct replica replica) {
    return start(live, &replica);
}

// --- Tests

enum { FOLLOWERS = 2 * IMAGES, JOB = FOLLOWERS + 1 };
struct job {
    pid_t pid[JOB]; // images, texts, loss last
    int texts;
};

static struct job start_job(int texts, int64_t steps) {
    struct job job = {.texts = texts};
    for (int i = 0; i < IMAGES; i++) job.pid[i] = start_replica(image_of(i, texts));
    for (int i = 0; i < texts; i++) job.pid[IMAGES + i] = start_replica(text_of(i, texts));
    job.pid[FOLLOWERS] = start_replica(loss_of(texts, steps));
    return job;
}

static void wait_for(const char *path) {
    for (int i = 0; i < 2000 && !file_exists(path); i++) usleep(5000);
    assert_true(file_exists(path));
}

// The log that all processes write to.
static void read_log(struct buffer *text) {
    assert_int_equal(file_read("log", 1 << 20, text), 0);
    buffer_append(text, "", 1);
}

static void log_says(const char *words) {
    struct buffer text = {0};
    read_log(&text);
    const bool found = strstr(text.bytes, words);
    if (!found) print_error("%s", text.bytes);
    buffer_release(&text);
    if (!found) fail_msg("nobody says '%s'", words);
}

static void ends_with(pid_t pid, int code) {
    struct buffer text = {0};
    const int found = finish(pid);
    if (found == code) return;
    read_log(&text);
    print_error("%s", text.bytes);
    buffer_release(&text);
    fail_msg("a process ended with %d", found);
}

static void job_ends(const struct job *job) {
    for (int i = 0; i < IMAGES + job->texts; i++) ends_with(job->pid[i], 0);
    ends_with(job->pid[FOLLOWERS], 0);
}

static void test_ranks_exchange(void **state) {
    (void)state;
    const struct job job = start_job(2, 20);
    job_ends(&job);
}

static void test_ranks_differ_in_number(void **state) {
    (void)state;
    const struct job job = start_job(1, 20); // one text-decode connected to two image-encodes
    job_ends(&job);
}

// Who comes to edge features of image-encode 0 beside those expected.
static int intrude(void *argument) {
    const struct replica *own = argument;
    struct hub_config config = config_of(own->role);
    struct edge *edge;
    if (!freopen("log", "a", stderr)) return 1;
    config.rank = own->rank;
    struct hub *hub = hub_new(&config);
    int status = connect_one(hub, &edge, "features", "ipc://features.0", (struct peer_group){"image-encode", IMAGES});
    if (!status) status = hub_meet(hub);
    hub_abandon(&hub);
    return status;
}

static void test_intruders_are_refused(void **state) {
    (void)state;
    struct replica third = {.role = "text-decode", .rank = 2}, doubled = {.role = "text-decode", .rank = 1};
    struct replica unknown = {.role = "head", .rank = 0};
    const struct job job = start_job(2, 0);
    wait_for("going");
    ends_with(start(intrude, &third), EXIT_USAGE);
    ends_with(start(intrude, &doubled), EXIT_USAGE);
    ends_with(start(intrude, &unknown), EXIT_USAGE);
    log_says("image-encode 0 at ipc://features.0 refuses text-decode 2: edge features of image-encode 0 "
             "expects ranks below 2 of text-decode, not text-decode 2");
    log_says("refuses text-decode 1: text-decode 1 is at edge features of image-encode 0 already");
    log_says("refuses head 0: edge features of image-encode 0 does not expect the role head");
    assert_int_equal(file_write("enough", "", 0), 0);
    job_ends(&job); // which they did not disturb
}

static void test_the_lost_rank_is_named(void **state) {
    (void)state;
    const struct job job = start_job(2, 0);
    wait_for("going");
    kill(job.pid[IMAGES + 1], SIGKILL);
    assert_int_equal(finish(job.pid[IMAGES + 1]), 128 + SIGKILL);
    for (int i = 0; i < JOB; i++)
        if (i != IMAGES + 1) ends_with(job.pid[i], EXIT_PEER);
    log_says("text-decode 1 is gone");
}

// A process, given a short time, comes to two others and finds somebody missing.
static void is_missing(struct replica hasty, struct replica one, struct replica other, const char *words) {
    pid_t pid[3] = {start_replica(one), start_replica(other)};
    usleep(300000);
    hasty.peer_timeout = 2;
    pid[2] = start_replica(hasty);
    for (int i = 0; i < 3; i++) ends_with(pid[i], EXIT_PEER);
    log_says(words);
}

static void test_the_missing_rank_is_named(void **state) {
    (void)state;
    const struct replica image = image_of(0, 2), text = text_of(0, 2), loss = loss_of(2, 1);
    is_missing(image, text, loss, "text-decode 1 is missing at ipc://features");
    is_missing(text, image, loss, "image-encode 1 is missing at ipc://features");
    is_missing(loss, image, text, "image-encode 1 is missing at ipc://");
}

// text-decode 0 comes to image-encode 0 and to what is behind its other address, both begun for it alone: they end
// when they lose it.
static void second_address_is(int rank, const char *address) {
    struct replica text = text_of(0, 1);
    pid_t image[] = {start_replica(image_of(0, 1)), start_replica(image_of(rank, 1))};
    text.images[1] = address;
    ends_with(start_replica(text), EXIT_USAGE);
    for (int i = 0; i < 2; i++) {
        kill(image[i], SIGKILL);
        finish(image[i]);
    }
}

static void test_addresses_lead_to_each_rank_once(void **state) {
    (void)state;
    second_address_is(2, "features.2"); // a rank that is not expected
    log_says("image-encode 2 answers there: edge features of text-decode 0 expects ranks below 2 of "
             "image-encode, not image-encode 2");
    second_address_is(1, "features.0"); // the same rank
    log_says("refuses text-decode 0: text-decode 0 is at edge features of image-encode 0 already");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_ranks_exchange),
        IN_FOLDER(test_ranks_differ_in_number),
        IN_FOLDER(test_intruders_are_refused),
        IN_FOLDER(test_the_lost_rank_is_named),
        IN_FOLDER(test_the_missing_rank_is_named),
        IN_FOLDER(test_addresses_lead_to_each_rank_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
