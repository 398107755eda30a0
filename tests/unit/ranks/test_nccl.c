// NCCL on real GPUs: a rank with itself where there is one, two ranks where there are two. Skipped, with the reason, on
// other machines.
#include <dlfcn.h>

#include "base/memory.h"
#include "jobs.h"
#include "launch.h"
#include "ranks/devices.h"

// ---- memory of the GPU, by its driver: this room knows no backend

enum { PIECES = 6 };
static const size_t sizes[PIECES] = {1, 1000, (1 << 20) + 3, 0, 40 << 20, 17};

static int (*allocate)(unsigned long long *at, size_t bytes);
static int (*upload)(unsigned long long at, const void *from, size_t bytes);
static int (*download)(void *to, unsigned long long at, size_t bytes);

static bool find_driver(void) {
    void *driver = dlopen("libcuda.so.1", RTLD_NOW);
    void *entries[3] = {NULL};
    static const char *const names[3] = {"cuMemAlloc_v2", "cuMemcpyHtoD_v2", "cuMemcpyDtoH_v2"};
    for (int i = 0; i < 3 && driver; i++) entries[i] = dlsym(driver, names[i]);
    memcpy(&allocate, &entries[0], sizeof allocate);
    memcpy(&upload, &entries[1], sizeof upload);
    memcpy(&download, &entries[2], sizeof download);
    return allocate && upload && download;
}

static uint8_t byte_of(int from, int p, size_t i) {
    return (uint8_t)((i * 2654435761u >> 9) + (size_t)(from * 101 + p * 7));
}

// Device memory with what `from` sends as piece p, or zeros; good until the process ends.
static void *make_piece(int from, int p, bool filled) {
    uint8_t *bytes = xcalloc(1, sizes[p] + 1);
    unsigned long long at = 0;
    for (size_t i = 0; i < sizes[p] && filled; i++) bytes[i] = byte_of(from, p, i);
    if (allocate(&at, sizes[p] + 1) || upload(at, bytes, sizes[p] + 1)) abort();
    free(bytes);
    return (void *)(uintptr_t)at;
}

static bool arrived(const struct ranks_piece *piece, int from, int p) {
    uint8_t *bytes = xcalloc(1, sizes[p] + 1);
    bool same = !download(bytes, (uintptr_t)piece->bytes, sizes[p] + 1) && !bytes[sizes[p]];
    for (size_t i = 0; i < sizes[p]; i++) same = same && bytes[i] == byte_of(from, p, i);
    free(bytes);
    return same;
}

struct pieces {
    struct ranks_piece send[PIECES], receive[PIECES];
};

static struct pieces make_pieces(int own, int other) {
    struct pieces pieces;
    for (int p = 0; p < PIECES; p++) {
        pieces.send[p] = (struct ranks_piece){other, make_piece(own, p, true), sizes[p]};
        pieces.receive[p] = (struct ranks_piece){other, make_piece(other, p, false), sizes[p]};
    }
    return pieces;
}

static bool all_arrived(const struct pieces *pieces, int other) {
    bool all = true;
    for (int p = 0; p < PIECES; p++) all = all && arrived(&pieces->receive[p], other, p);
    return all;
}

// ---- what a rank does under a launcher

static int do_exchange(struct ranks *ranks) {
    const int own = ranks_rank(ranks), other = 1 - own;
    bool devices;
    CHECK(!ranks_use_devices(ranks, ranks_place(ranks), &devices) && devices && find_driver());
    const struct pieces pieces = make_pieces(own, other);
    CHECK(!ranks_begin(ranks, pieces.send, 3, pieces.receive, 3));
    CHECK(!ranks_begin(ranks, pieces.send + 3, PIECES - 3, pieces.receive + 3, PIECES - 3));
    CHECK(!ranks_wait(ranks, nothing));
    CHECK(all_arrived(&pieces, other));
    ranks_close(&ranks, true);
    return 0;
}

static const struct job jobs[] = {{"exchange", 2, do_exchange}, {NULL, 0, NULL}};

// ---- the test

// NULL, with the reason said, where this GPU or the library is missing.
static struct device_transport *find_nccl(struct device_offer *offer) {
    char *path = machine_find_object(DEVICES_OBJECT);
    void *object = path ? dlopen(path, RTLD_NOW) : NULL;
    struct device_transport *nccl = object ? dlsym(object, DEVICES_ENTRY) : NULL;
    if (nccl) nccl->offer(offer, true);
    if (nccl && !offer->version) nccl = NULL;
    if (!nccl)
        print_message("no NCCL on GPU %d: %s\n", offer->device,
                      path ? offer->reason : "lib/" DEVICES_OBJECT " is not in this build");
    free(path);
    return nccl;
}

static void test_cuda_alone(void **state) {
    (void)state;
    struct device_offer offer = {.device = 0};
    struct device_transport *nccl = find_nccl(&offer);
    if (!nccl || !find_driver()) skip();
    assert_int_equal(nccl->join(0, offer.start, 0, 1), 0);
    const struct pieces pieces = make_pieces(0, 0);
    assert_true(nccl->holds(pieces.send[0].bytes));
    assert_false(nccl->holds(&pieces));
    bool done = false;
    assert_int_equal(nccl->begin(pieces.send, PIECES, pieces.receive, PIECES), 0);
    while (!done) assert_int_equal(nccl->progress(&done), 0);
    assert_true(all_arrived(&pieces, 0));
    nccl->leave(true);
}

static void check_between(const char *kind) {
    struct device_offer offer = {.device = 1};
    if (!find_nccl(&offer)) skip();
    const struct result result = launch(kind, 2, "exchange");
    if (result.code) fail_msg("exit %d: %s", result.code, result.said);
}

BOTH(between)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuda_alone),
        cmocka_unit_test(test_between_openmpi),
        cmocka_unit_test(test_between_mpich),
    };
    if (argc > 1) return be_rank(jobs, argv[1]);
    permit();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
