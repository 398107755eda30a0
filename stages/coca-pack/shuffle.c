// coca-pack shuffle: what an order costs and what it gives, before a run is made with it. The plan's own orders are
// those of dataset/plan.c, record by record; others' are simulated (peers.c).
#include <math.h>
#include <stdio.h>

#include "base/fail.h"
#include "commands.h"
#include "dataset/cache_room.h"
#include "dataset/plan.h"
#include "peers.h"
#include "records.h"
#include "spread.h"
#include "stage/option_rows.h"

static const char manual[] =
    "How far apart two neighbours of one part (shard, or object) of the dataset DIR end up in an epoch: a line for the\n"
    "plan's global order, for its blocks of W parts, and for the defaults of other loaders on the same parts, with the\n"
    "median, the 10th percentile and the mean distance in samples. Then the cache for objects that are not of this host:\n"
    "what --cache-gib must be for the plan's orders (all objects, or two windows: one is read, the next one comes), and of\n"
    "other loaders the objects of which some samples are read and not all, at most. A dataset whose pictures are here\n"
    "needs none.\n"
    "\n"
    "MosaicML streaming is simulated as py1e with its default block of 4,000,000 samples on one canonical node, LitData as\n"
    "one worker: chunk after chunk, each in permuted runs of 256 samples. 8 bytes of memory a record are needed, and for\n"
    "py1e 16 for each sample of a block.\n"
    "\n"
    "Examples:\n"
    "  coca-pack shuffle data/cc12m\n"
    "  coca-pack shuffle data/cc12m --shuffle blocks:32 --shuffle blocks:100\n"
    "\n" PACK_MANUAL_EXIT;

#define GIB 1073741824.0

struct shuffle {
    struct strings orders;
    int64_t seed;
};

#define FIELD(member) offsetof(struct shuffle, member)
static const struct option rows[] = {
    LIST("shuffle", orders, "blocks:W", "blocks to look at, beside the global order; several may be given", 0),
    INT("seed", seed, "N", "0", 0, 9007199254740992.0, "of the orders", 0),
};

static void print_line(const char *name, struct spread_measure measure, int64_t cache) {
    printf("%-20s %12lld %12lld %14.1f", name, (long long)measure.median, (long long)measure.tenth, measure.mean);
    if (cache)
        printf(" %10.2f\n", ceil((double)cache / GIB * 100) / 100);
    else
        printf(" %10s\n", "-");
    fflush(stdout);
}

static int print_plan(struct store *store, struct spread *spread, const struct shuffle *shuffle, const char *name) {
    struct plan *plan;
    int64_t window;
    const struct plan_source source = {.size = store_count(store),
                                       .fingerprint = store_fingerprint(store),
                                       .weight = 1,
                                       .first = spread->first,
                                       .parts = spread->parts};
    int status = plan_shuffle(name, &window);
    if (!status) status = plan_new(&plan, &source, 1, (uint64_t)shuffle->seed, true, window);
    if (status) return status;
    spread_restart(spread);
    for (int64_t n = 0; n < source.size; n++) spread_give(spread, plan_at(plan, n).record);
    plan_free(&plan);
    print_line(name, spread_measure(spread), cache_need(&store, 1, window));
    return 0;
}

static void print_peer(struct spread *spread, const struct shuffle *shuffle, const char *name,
                       void (*order)(struct spread *spread, uint64_t seed)) {
    spread_restart(spread);
    order(spread, (uint64_t)shuffle->seed);
    const struct spread_measure measure = spread_measure(spread);
    print_line(name, measure, measure.bytes);
}

static void add_defaults(struct strings *orders, int parts) {
    static const int windows[] = {4, 16, 64, 256};
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        char name[32];
        snprintf(name, sizeof name, "blocks:%d", windows[i]);
        if (windows[i] < parts) strings_add_text(orders, name);
    }
}

static int print_all(struct store *store, struct shuffle *shuffle) {
    struct spread spread;
    spread_begin(&spread, store);
    if (!shuffle->orders.count) add_defaults(&shuffle->orders, spread.parts);
    printf("%lld records in %d parts\n", (long long)store_count(store), spread.parts);
    printf("%-20s %12s %12s %14s %10s\n", "order", "median", "10% below", "mean", "cache GiB");
    int status = print_plan(store, &spread, shuffle, "global");
    for (size_t i = 0; i < shuffle->orders.count && !status; i++)
        status = print_plan(store, &spread, shuffle, shuffle->orders.item[i]);
    if (!status) {
        print_peer(&spread, shuffle, "MosaicML py1e", peers_py1e);
        print_peer(&spread, shuffle, "LitData", peers_litdata);
    }
    spread_end(&spread);
    return status;
}

static int run(void *context, const struct strings *operands) {
    struct store *store;
    int status = records_open(&store, operands);
    if (!status) status = print_all(store, context);
    store_close(&store);
    return status;
}

int shuffle_main(const struct command *command, int argc, char **argv) {
    struct shuffle shuffle = {.seed = 0};
    struct option_table own = OPTION_TABLE(rows, &shuffle);
    struct option_table *const tables[] = {&own, NULL};
    const struct tool tool = {.name = "coca-pack shuffle",
                              .summary = command->summary,
                              .manual = manual,
                              .tables = tables,
                              .operands = "DIR",
                              .context = &shuffle,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
