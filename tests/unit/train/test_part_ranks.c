// A part's files, written and read by several ranks: each a process of its own, as under a launcher. What they collect
// from each other goes through memory that they share, in place of the ranks' room.
#include "../run/run.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "run/checkpoint.h"
#include "stage/stage.h"
#include "train/part.h"

enum { RANKS = 3, SLOT = 64, PATIENCE = 60 }; // bytes; seconds

struct meeting {
    pthread_barrier_t barrier;
    char slot[RANKS][SLOT];
    struct written written[RANKS];
    int status[RANKS];
};
static struct meeting *meeting;

// ---- the ranks' room

struct ranks {
    int rank;
};

int ranks_rank(const struct ranks *ranks) {
    return ranks->rank;
}

int ranks_count(const struct ranks *ranks) {
    (void)ranks;
    return RANKS;
}

int ranks_place(const struct ranks *ranks) {
    return ranks->rank;
}

int ranks_collect(struct ranks *ranks, const void *own, void *all, size_t size, struct ranks_meanwhile meanwhile) {
    (void)meanwhile;
    if (size > SLOT) abort();
    memcpy(meeting->slot[ranks->rank], own, size);
    pthread_barrier_wait(&meeting->barrier);
    for (int r = 0; r < RANKS; r++) memcpy((char *)all + (size_t)r * size, meeting->slot[r], size);
    pthread_barrier_wait(&meeting->barrier);
    return 0;
}

static int enter(void **state) {
    pthread_barrierattr_t attributes;
    meeting = mmap(NULL, sizeof *meeting, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (meeting == MAP_FAILED || pthread_barrierattr_init(&attributes)) return -1;
    pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    return pthread_barrier_init(&meeting->barrier, &attributes, RANKS) || enter_folder(state) ? -1 : 0;
}

static int leave(void **state) {
    munmap(meeting, sizeof *meeting);
    return leave_folder(state);
}

#define AMONG_RANKS(test) cmocka_unit_test_setup_teardown(test, enter, leave)

// ---- a rank

static const struct stage_row *row = &image_row;

static void type_for(const char *more) {
    char *words =
        xformat("--model %s/parity/narrow_vision/model.json --device reference --ema-decay 0.5 %s", tests_folder, more);
    assert_done(type_options(words));
    free(words);
}

static int open_rank(struct part *part, struct ranks *ranks) {
    int status = part_open(part, row, &typed);
    part->ranks = ranks;
    return status ? status : part_load(part, true);
}

// One update with gradients of its own for each tensor.
static void update(struct part *part) {
    struct params *params = part->params;
    for (int t = 0; t < params->count; t++)
        for (int64_t i = 0; i < shape_count(params->item[t].shape); i++)
            params->gradient[params->item[t].offset + i] = (real)(t % 7 - 3) + (real)(i % 5);
    optimizer_step(part->optimizer, 0.1, 1);
}

static int update_and_write(struct part *part, const char *directory, struct written *written) {
    update(part);
    return part_write(part, directory, written, (struct ranks_meanwhile){0});
}

// A rank's whole life; what part_load or part_write said.
static int live(int rank, const char *directory) {
    struct ranks ranks = {rank};
    struct part part;
    int status = open_rank(&part, &ranks);
    if (!status) status = update_and_write(&part, directory, &meeting->written[rank]);
    part_close(&part);
    return status;
}

// `before` (NULL: nothing) is done by one of them first.
static void run_ranks(const char *directory, int one, void (*before)(void)) {
    pid_t child[RANKS];
    fflush(NULL);
    memset(meeting->written, 0, sizeof meeting->written);
    for (int r = 0; r < RANKS; r++) {
        child[r] = fork();
        if (child[r]) continue;
        alarm(PATIENCE);
        if (before && r == one) before();
        meeting->status[r] = live(r, directory);
        _exit(0);
    }
    for (int r = 0; r < RANKS; r++) {
        int status = -1;
        assert_int_equal(waitpid(child[r], &status, 0), child[r]);
        assert_int_equal(status, 0);
    }
}

static void write_alone(const char *directory, struct checkpoint *checkpoint) {
    struct part part;
    assert_done(open_rank(&part, NULL));
    assert_done(update_and_write(&part, directory, &checkpoint->written));
    checkpoint->model = part.config.fingerprint;
    part_close(&part);
}

static void assert_same_files(const struct written *wanted, const char *one, const char *many) {
    assert_int_equal(wanted->count, 3);
    assert_int_equal(meeting->written[0].count, wanted->count);
    for (int r = 1; r < RANKS; r++) assert_int_equal(meeting->written[r].count, 0);
    for (int i = 0; i < wanted->count; i++) {
        const struct written_file *file = &wanted->file[i], *found = &meeting->written[0].file[i];
        char *paths[] = {path_join(one, file->name), path_join(many, file->name)};
        struct buffer bytes[2] = {{0}, {0}};
        for (int k = 0; k < 2; k++) assert_done(file_read(paths[k], 1 << 26, &bytes[k]));
        assert_string_equal(found->name, file->name);
        assert_true(found->checksum == file->checksum && found->size == file->size);
        assert_int_equal(bytes[0].size, bytes[1].size);
        assert_memory_equal(bytes[0].bytes, bytes[1].bytes, bytes[0].size);
        for (int k = 0; k < 2; k++) {
            buffer_release(&bytes[k]);
            free(paths[k]);
        }
    }
}

// ---- tests

static const char *const kinds[] = {"", "--optimizer adafactor", "--precision bf16 --device cpu"};

static bool can_compute(void) {
    struct part part;
    const bool can = !part_open(&part, row, &typed);
    part_close(&part);
    return can;
}

// Written from the seed, and again by who went on from that.
static void check_kind(const char *words) {
    struct checkpoint first = {.step = 1}, second = {.step = 2};
    type_for(words);
    if (!can_compute()) return;
    char *aside = checkpoint_aside(CHECKPOINTS, 1);
    write_alone(aside, &first);
    run_ranks("many", 0, NULL);
    for (int r = 0; r < RANKS; r++) assert_int_equal(meeting->status[r], 0);
    assert_same_files(&first.written, aside, "many");
    assert_done(checkpoint_commit(&first, CHECKPOINTS, 1));
    strcpy(typed.start.checkpoint, "checkpoints/step-1");
    write_alone("one-more", &second);
    run_ranks("many-more", 0, NULL);
    assert_same_files(&second.written, "one-more", "many-more");
    assert_done(directory_remove("checkpoints"));
    free(aside);
}

static void files_are_those_of_a_single_rank(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) check_kind(kinds[i]);
}

// No file may be as long as those of a part; what is said of it may.
static void fill_disk(void) {
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, 4096}), 0);
}

static void assert_nothing_left(const char *directory) {
    struct strings names = {0};
    assert_done(directory_list(directory, &names));
    assert_int_equal(names.count, 0);
    strings_release(&names);
}

// Of the first rank too, which lays the file out.
static void a_rank_that_cannot_write_stops_all(void **state) {
    (void)state;
    type_for("");
    for (int one = 0; one < RANKS; one += 2) {
        listen_in();
        run_ranks("many", one, fill_disk);
        const char *said = heard();
        assert_has(said, "image.safetensors");
        assert_has(said, one ? "rank 2 of this stage failed" : "rank 0 of this stage failed");
        for (int r = 0; r < RANKS; r++) assert_int_equal(meeting->status[r], r == one ? -EXIT_RUN : -EXIT_PEER);
        assert_nothing_left("many");
    }
}

static void damage_is_found_once_and_told_to_all(void **state) {
    (void)state;
    struct checkpoint checkpoint = {.step = 1};
    char *aside = checkpoint_aside(CHECKPOINTS, 1);
    type_for("");
    write_alone(aside, &checkpoint);
    assert_done(checkpoint_commit(&checkpoint, CHECKPOINTS, 1));
    assert_int_equal(truncate("checkpoints/step-1/image.optimizer.safetensors", 4000), 0);
    strcpy(typed.start.checkpoint, "checkpoints/step-1");
    listen_in();
    run_ranks("many", 0, NULL);
    assert_has(heard(), "image.optimizer.safetensors has 4000 bytes");
    for (int r = 0; r < RANKS; r++) assert_int_equal(meeting->status[r], r ? -EXIT_PEER : -EXIT_DATA);
    assert_false(file_exists("many/image.safetensors"));
    free(aside);
}

// Weights and gradients are whole, the state is divided: AdamW's two moments and the average.
static void ranks_announce_their_share(void **state) {
    (void)state;
    struct part part;
    struct memory_bytes one, all = {0};
    type_for("");
    assert_done(part_open(&part, row, &typed));
    one = part_bytes(&part, true);
    const int64_t evaluation = part_bytes(&part, false).device;
    struct params *layout = part_layout(&part);
    for (int r = 0; r < RANKS; r++) {
        struct ranks ranks = {r};
        part.ranks = &ranks;
        const struct memory_bytes own = part_bytes(&part, true);
        assert_true(own.device < one.device && own.host < one.host);
        assert_int_equal(part_bytes(&part, false).device, evaluation);
        all.device += own.device;
    }
    assert_int_equal(RANKS * one.device - all.device, (RANKS - 1) * 3 * layout->elements * (int64_t)sizeof(real));
    params_free(&layout);
    part_close(&part);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        AMONG_RANKS(files_are_those_of_a_single_rank),
        AMONG_RANKS(a_rank_that_cannot_write_stops_all),
        AMONG_RANKS(damage_is_found_once_and_told_to_all),
        AMONG_RANKS(ranks_announce_their_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
