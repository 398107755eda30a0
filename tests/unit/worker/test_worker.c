// What a worker answers, to whatever it is asked, and what it records when nobody asks. The worker is another process;
// its rows are numbers made up here, its samples those of datasets and lists.
#include "../run/typed.h"
#include "../wire/peers.h"

#include <fcntl.h>
#include <jansson.h>

#include "dataset/spool.h"
#include "dataset/store.h"
#include "run/samples.h"
#include "wire/recording.h"
#include "worker/worker.h"

#define ADDRESS "ipc://samples"
enum { WIDTH = 2 }; // of a row: the sample's number, and how many texts its record has

// ---- the worker

static char own[] = "what the stage keeps";

static void *add_rows(void *context, struct message *message, int samples) {
    assert_ptr_equal(context, own);
    return message_add(message, "rows", DT_I64, SHAPE(samples, WIDTH));
}

// A line that begins with "bad" cannot be had.
static void make_row(void *context, void *tensor, int row, const struct sample *sample, char dropped[WORKER_REASON]) {
    int64_t *values = (int64_t *)tensor + (int64_t)row * WIDTH;
    assert_ptr_equal(context, own);
    values[0] = sample->n;
    values[1] = sample->record.caption_count;
    if (sample->line && !strncmp(sample->line, "bad", 3)) snprintf(dropped, WORKER_REASON, "%s", sample->line + 3);
}

static struct worker_options said;
static struct worker worker_of_test = {.run = &typed,
                                       .options = &said,
                                       .edge = "samples",
                                       .address = ADDRESS,
                                       .row_bytes = WIDTH * sizeof(int64_t),
                                       .context = own,
                                       .add = add_rows,
                                       .make = make_row};

static const char *const needs[] = {"captions", NULL};

static int work(void *argument) {
    struct worker worker = worker_of_test;
    struct hub *hub = hub_of("decode");
    (void)argument;
    int status = run_check(&typed);
    if (!status) status = worker_open(&worker, SOURCES_IN_ORDER, needs);
    if (!status) status = worker_run(&worker, hub);
    worker_close(&worker);
    if (status >= 0) return hub_close(&hub);
    hub_abandon(&hub);
    return status;
}

// ---- its data

// Record i has i captions.
static void write_set(const char *path, int records) {
    static const struct span captions[] = {{"one", 3}, {"two", 3},   {"three", 5}, {"four", 4}, {"five", 4},
                                           {"six", 3}, {"seven", 5}, {"eight", 5}, {"nine", 4}, {"ten", 3}};
    struct store_writer *writer;
    assert_int_equal(store_writer_open(&writer, path, 4, false), 0);
    for (int i = 0; i < records; i++) {
        struct record record = RECORD_EMPTY;
        record.captions = (struct span *)captions;
        record.caption_count = i;
        assert_int_equal(store_writer_add(writer, &record), 0);
    }
    assert_int_equal(store_writer_commit(&writer), 0);
}

static void append(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static int enter(void **state) {
    said = (struct worker_options){.list = NULL};
    if (enter_folder(state)) return -1;
    write_set("data", 10);
    return 0;
}

static int leave(void **state) {
    release_options();
    return leave_folder(state);
}

#define IN_DATA(test) cmocka_unit_test_setup_teardown(test, enter, leave)

// ---- its consumer

static struct hub *hub;
static struct edge *edge;
static pid_t worker_pid;

static void begin(const char *words) {
    assert_int_equal(type_run(words), 0);
    worker_pid = start(work, NULL);
    hub = hub_of("image-encode");
    assert_int_equal(open_edge(hub, &edge, "samples", ADDRESS, EDGE_PULL, NULL), 0);
}

static void end(void) {
    assert_int_equal(hub_close(&hub), 0);
    assert_int_equal(finish(worker_pid), 0);
}

// The code with which the worker leaves by itself; meanwhile it is heard and asked.
static int leaves(void) {
    int status = 0;
    for (int i = 0; i < 2000 && waitpid(worker_pid, &status, WNOHANG) != worker_pid; i++) {
        hub_look(hub);
        usleep(5000);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static struct unit batch_of(int32_t microbatch, int32_t samples) {
    return (struct unit){0, microbatch, (int64_t)microbatch * samples, samples};
}

static int take(int64_t step, int32_t microbatch, struct message **message) {
    return edge_take(edge, wanted_data(ANYBODY, step, microbatch), message);
}

static const int64_t *rows_of(const struct message *message, int samples) {
    const void *rows = NULL;
    assert_int_equal(message->unit.samples, samples);
    assert_int_equal(message_tensor(message, "rows", DT_I64, SHAPE(samples, WIDTH), &rows), 0);
    return rows;
}

static const int64_t *ids_of(const struct message *message, int samples) {
    const void *ids = NULL;
    assert_int_equal(message_tensor(message, TENSOR_IDS, DT_I64, SHAPE(samples), &ids), 0);
    return ids;
}

// Records first … first + samples of the only dataset.
static void assert_records(const struct message *message, int64_t first, int samples) {
    const int64_t *rows = rows_of(message, samples), *ids = ids_of(message, samples);
    for (int i = 0; i < samples; i++) {
        assert_int_equal(ids[i], first + i);
        assert_int_equal(rows[i * WIDTH], first + i);
        assert_int_equal(rows[i * WIDTH + 1], first + i);
    }
    assert_null(message_find(message, TENSOR_NAMES));
    assert_null(message_find(message, TENSOR_DROPS));
}

static void take_records(int32_t microbatch, int64_t first, int samples) {
    struct message *message;
    assert_int_equal(take(0, microbatch, &message), 0);
    assert_int_equal(message->unit.first, first);
    assert_int_equal(message->microbatches, 0); // of a pass nobody knows them
    assert_records(message, first, samples);
    message_free(&message);
}

static void assert_end(int32_t microbatch) {
    struct message *message;
    assert_int_equal(take(0, microbatch, &message), HUB_END);
}

static void assert_lines(int32_t microbatch, const char *const *wanted) {
    struct message *message;
    int count = 0;
    assert_int_equal(take(0, microbatch, &message), 0);
    while (wanted[count]) count++;
    rows_of(message, count);
    for (int i = 0; i < count; i++) {
        assert_int_equal(ids_of(message, count)[i], message->unit.first + i);
        assert_string_equal(message_string(message, TENSOR_NAMES, i), wanted[i]);
    }
    message_free(&message);
}
#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

// ---- tests: asked

static void units_are_answered_whatever_the_order(void **state) {
    static const int32_t order[] = {2, 0, 3, 1};
    (void)state;
    said.data = (char *)"data";
    begin("--microbatch 3");
    for (int i = 0; i < 4; i++) edge_want(edge, ANYBODY, batch_of(order[i], 3));
    take_records(1, 3, 3);
    take_records(3, 9, 1); // the last unit is short
    take_records(0, 0, 3);
    take_records(2, 6, 3);
    end();
}

// Each rank pulls at its own address, its own microbatches.
static void all_ranks_of_the_consumer_are_served(void **state) {
    (void)state;
    struct hub *rank_1;
    struct edge *edge_1, *edge_0;
    said.data = (char *)"data";
    assert_int_equal(type_run("--microbatch 3"), 0);
    worker_of_test.consumers = 2;
    worker_pid = start(work, NULL);
    worker_of_test.consumers = 0;
    struct hub_config config = config_of("image-encode");
    config.rank = 1;
    hub = hub_of("image-encode");
    rank_1 = hub_new(&config);
    assert_int_equal(open_edge(hub, &edge_0, "samples", ADDRESS ".0", EDGE_PULL, NULL), 0);
    assert_int_equal(open_edge(rank_1, &edge_1, "samples", ADDRESS ".1", EDGE_PULL, NULL), 0);
    edge_want(edge_0, ANYBODY, batch_of(0, 3));
    edge_want(edge_1, ANYBODY, batch_of(1, 3));
    edge = edge_1;
    take_records(1, 3, 3);
    edge = edge_0;
    take_records(0, 0, 3);
    assert_int_equal(hub_close(&rank_1), 0);
    end();
}

static void beyond_the_data_is_the_end(void **state) {
    (void)state;
    said.data = (char *)"data";
    begin("--microbatch 5");
    for (int32_t m = 0; m < 4; m++) edge_want(edge, ANYBODY, batch_of(m, 5));
    take_records(0, 0, 5);
    take_records(1, 5, 5);
    assert_end(2); // right behind the last sample
    assert_end(3);
    end();
}

static void a_step_has_the_samples_of_the_plan(void **state) {
    struct sources *plan;
    struct sample sample;
    struct message *message;
    (void)state;
    write_set("more", 6);
    begin("--train-data data::more --train-data-weights 3::1 --seed 5 --batch-size 8 --microbatch 4");
    const struct sources_options options = {
        .directories = "data::more", .weights = "3::1", .seed = 5, .order = SOURCES_SHUFFLED, .needs = needs};
    assert_int_equal(sources_open(&plan, &options), 0);
    edge_want(edge, ANYBODY, (struct unit){3, 1, 28, 4});
    assert_int_equal(take(3, 1, &message), 0);
    assert_int_equal(message->microbatches, 2);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(sources_read(plan, 28 + i, &sample), 0);
        assert_int_equal(ids_of(message, 4)[i], sample.id);
        assert_int_equal(rows_of(message, 4)[i * WIDTH + 1], sample.record.caption_count);
        sample_release(&sample);
    }
    message_free(&message);
    sources_close(&plan);
    end();
}

static bool arrives(int32_t microbatch) {
    for (int i = 0; i < 15; i++, usleep(10000))
        if (edge_ready(edge, wanted_data(ANYBODY, 0, microbatch))) return true;
    return false;
}

static void a_list_is_waited_for_while_it_grows(void **state) {
    (void)state;
    said.list = (char *)"list";
    append("list", "a\nb\nc\n");
    begin("--microbatch 2");
    edge_want(edge, ANYBODY, batch_of(1, 2)); // its second line has not come
    edge_want(edge, ANYBODY, batch_of(0, 2));
    assert_lines(0, LINES("a", "b")); // answered meanwhile
    assert_false(arrives(1));
    append("list", "d"); // not whole yet
    assert_false(arrives(1));
    append("list", "\ne\n");
    assert_lines(1, LINES("c", "d"));
    edge_want(edge, ANYBODY, batch_of(2, 2));
    edge_want(edge, ANYBODY, batch_of(3, 2));
    assert_false(arrives(2));
    append("list.closed", "");
    assert_lines(2, LINES("e"));
    assert_end(3);
    end();
}

static void a_batch_that_was_ended_early_is_short(void **state) {
    (void)state;
    said.list = (char *)"list";
    append("list", "a\n" SPOOL_FILLER "\n" SPOOL_FILLER "\nb\nc\nd\n");
    append("list.closed", "");
    begin("--microbatch 3");
    for (int32_t m = 0; m < 2; m++) edge_want(edge, ANYBODY, batch_of(m, 3));
    assert_lines(0, LINES("a"));
    assert_lines(1, LINES("b", "c", "d"));
    end();
}

static json_t *drop_of(const struct message *message, int i) {
    const char *line = message_string(message, TENSOR_DROPS, i);
    return line ? json_loads(line, 0, NULL) : NULL;
}

static void assert_drop(const struct message *message, int i, int64_t id, const char *name, const char *reason) {
    json_t *drop = drop_of(message, i);
    assert_non_null(drop);
    assert_string_equal(json_string_value(json_object_get(drop, "edge")), "samples");
    assert_int_equal(json_integer_value(json_object_get(drop, "id")), id);
    assert_int_equal(json_integer_value(json_object_get(drop, "source")), 0);
    assert_int_equal(json_integer_value(json_object_get(drop, "record")), id);
    assert_string_equal(json_string_value(json_object_get(drop, "reason")), reason);
    if (name)
        assert_string_equal(json_string_value(json_object_get(drop, "name")), name);
    else
        assert_null(json_object_get(drop, "name")); // a name that is not UTF-8 is in the names alone
    json_decref(drop);
}

static void what_cannot_be_had_is_named_with_the_reason(void **state) {
    struct message *message;
    (void)state;
    said.list = (char *)"list";
    append("list", "bad luck\ngood\nbad\xff\nbad end\n");
    append("list.closed", "");
    begin("--microbatch 4");
    edge_want(edge, ANYBODY, batch_of(0, 4));
    assert_int_equal(take(0, 0, &message), 0);
    assert_drop(message, 0, 0, "bad luck", " luck");
    assert_drop(message, 1, 2, NULL, "unreadable");
    assert_drop(message, 2, 3, "bad end", " end");
    assert_null(message_string(message, TENSOR_DROPS, 3));
    assert_string_equal(message_string(message, TENSOR_NAMES, 1), "good");
    message_free(&message);
    end();
}

// Before any memory for it is taken: the consumer's words may be anything.
static void more_samples_than_a_message_holds_are_refused(void **state) {
    (void)state;
    begin("--train-data data --microbatch 4");
    edge_want(edge, ANYBODY, batch_of(0, INT32_MAX));
    assert_int_equal(leaves(), EXIT_RUN);
    hub_abandon(&hub);
}

static void a_list_that_is_damaged_ends_it(void **state) {
    (void)state;
    char line[SPOOL_LINE_LIMIT + 2];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = 0;
    said.list = (char *)"list";
    append("list", line);
    append("list", "\n");
    begin("--microbatch 1");
    edge_want(edge, ANYBODY, batch_of(0, 1));
    assert_int_equal(leaves(), EXIT_DATA);
    assert_int_equal(hub_close(&hub), 0);
}

// ---- tests: recorded

// The worker in this process, on a recording.
static int record(const char *words) {
    worker_of_test.address = "file:out";
    assert_int_equal(type_run(words), 0);
    int status = work(NULL);
    worker_of_test.address = ADDRESS;
    return status;
}

// Reads a message; its records are first … of `samples`, when the samples are those of a pass.
static void assert_recorded(struct recording *recording, struct unit wanted, int microbatches) {
    struct message *message;
    assert_int_equal(recording_read(recording, &message), 0);
    assert_non_null(message);
    assert_int_equal(message->unit.step, wanted.step);
    assert_int_equal(message->unit.microbatch, wanted.microbatch);
    assert_int_equal(message->unit.first, wanted.first);
    assert_int_equal(message->microbatches, microbatches);
    rows_of(message, wanted.samples);
    if (!microbatches) assert_records(message, wanted.first, wanted.samples);
    message_free(&message);
}

static void assert_recording_ends(struct recording *recording) {
    struct message *message;
    assert_int_equal(recording_read(recording, &message), 0);
    assert_null(message);
    recording_abandon(&recording);
}

static void a_pass_is_recorded_in_order(void **state) {
    struct recording *recording;
    (void)state;
    said.data = (char *)"data";
    assert_int_equal(record("--microbatch 4"), 0);
    assert_int_equal(recording_open(&recording, "out"), 0);
    assert_recorded(recording, (struct unit){0, 0, 0, 4}, 0);
    assert_recorded(recording, (struct unit){0, 1, 4, 4}, 0);
    assert_recorded(recording, (struct unit){0, 2, 8, 2}, 0);
    assert_recording_ends(recording);
}

static void steps_are_recorded_from_the_first_to_the_last(void **state) {
    struct recording *recording;
    (void)state;
    assert_int_equal(record("--train-data data --batch-size 4 --microbatch 2 --first-step 1 --steps 3"), 0);
    assert_int_equal(recording_open(&recording, "out"), 0);
    for (int64_t s = 1; s < 3; s++)
        for (int32_t m = 0; m < 2; m++) assert_recorded(recording, (struct unit){s, m, 4 * s + 2 * m, 2}, 2);
    assert_recording_ends(recording);
}

static void a_recording_of_a_list_waits_for_its_end(void **state) {
    struct recording *recording;
    (void)state;
    said.list = (char *)"list";
    append("list", "a\nb\nc\n");
    worker_of_test.address = "file:out";
    assert_int_equal(type_run("--microbatch 2"), 0);
    pid_t pid = start(work, NULL);
    usleep(100000);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    append("list.closed", "");
    assert_int_equal(finish(pid), 0);
    worker_of_test.address = ADDRESS;
    assert_int_equal(recording_open(&recording, "out"), 0);
    for (int m = 0; m < 2; m++) {
        struct message *message;
        assert_int_equal(recording_read(recording, &message), 0);
        assert_string_equal(message_string(message, TENSOR_NAMES, 0), m ? "c" : "a");
        assert_int_equal(message->unit.samples, m ? 1 : 2);
        message_free(&message);
    }
    assert_recording_ends(recording);
}

static void bad_usage_is_refused(void **state) {
    (void)state;
    assert_int_equal(record("--train-data data"), -EXIT_USAGE); // where does it end?
    assert_int_equal(record("--train-data data --batch-size 5 --microbatch 2 --steps 1"), -EXIT_USAGE);
    assert_int_equal(record(""), -EXIT_USAGE); // which samples?
    said.data = (char *)"data";
    worker_of_test.address = NULL;
    assert_int_equal(type_run(""), 0);
    assert_int_equal(work(NULL), -EXIT_USAGE);
    worker_of_test.address = ADDRESS;
}

static void data_that_changed_since_the_run_was_made_are_refused(void **state) {
    (void)state;
    assert_int_equal(type_run("--train-data data --steps 1 --microbatch 1"), 0);
    typed.datasets = 1;
    typed.dataset[0] = 12345;
    assert_int_equal(work(NULL), -EXIT_DATA);
    said.data = (char *)"data"; // a pass over them is not the run's
    worker_of_test.address = "file:out";
    assert_int_equal(work(NULL), 0);
    worker_of_test.address = ADDRESS;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_DATA(units_are_answered_whatever_the_order),
        IN_DATA(all_ranks_of_the_consumer_are_served),
        IN_DATA(beyond_the_data_is_the_end),
        IN_DATA(a_step_has_the_samples_of_the_plan),
        IN_DATA(a_list_is_waited_for_while_it_grows),
        IN_DATA(a_batch_that_was_ended_early_is_short),
        IN_DATA(what_cannot_be_had_is_named_with_the_reason),
        IN_DATA(more_samples_than_a_message_holds_are_refused),
        IN_DATA(a_list_that_is_damaged_ends_it),
        IN_DATA(a_pass_is_recorded_in_order),
        IN_DATA(steps_are_recorded_from_the_first_to_the_last),
        IN_DATA(a_recording_of_a_list_waits_for_its_end),
        IN_DATA(bad_usage_is_refused),
        IN_DATA(data_that_changed_since_the_run_was_made_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
