// coca-score neighbours: for each row of a matrix the most similar rows of another. A caption of the nearest training
// picture is what a captioner has to beat; near duplicates between two sets are found so too.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "matrix.h"
#include "measure/similarity.h"
#include "stage/option_rows.h"

static const char manual[] =
    "For each row of --queries the --k most similar rows of --keys, by the inner product of embeddings as embed.sh\n"
    "writes them: lines of query, key (both from 0) and similarity with tabs between, the most similar first, of equal\n"
    "ones the first key.\n"
    "\n"
    "Exit codes: 0 done, 2 usage, 3 a file that cannot be read.\n"
    "\n"
    "Example:\n"
    "  coca-score neighbours --queries test.npy --keys train.npy";

struct neighbours {
    char *queries, *keys;
    int64_t k;
};

#define FIELD(member) offsetof(struct neighbours, member)
static const struct option rows[] = {
    HEADING("Embeddings"),
    TEXT("queries", queries, "FILE.npy", NULL, "what is asked with", OPTION_LOCAL),
    TEXT("keys", keys, "FILE.npy", NULL, "what is searched", OPTION_LOCAL),
    INT("k", k, "K", "1", 1, 1e6, "how many for each query", OPTION_LOCAL),
};

struct found {
    int64_t key;
    float similarity;
};

// Puts a key in its place among the best so far, behind those that are as similar.
static void insert(struct found *best, int64_t *count, int64_t k, struct found key) {
    int64_t at = *count;
    if (at == k && !(key.similarity > best[k - 1].similarity)) return;
    if (at == k) at--;
    for (; at > 0 && key.similarity > best[at - 1].similarity; at--) best[at] = best[at - 1];
    best[at] = key;
    if (*count < k) ++*count;
}

static void search(const struct matrix *keys, const float *query, int64_t k, struct found *best, int64_t *count) {
    *count = 0;
    for (int64_t i = 0; i < keys->N; i++)
        insert(best, count, k, (struct found){i, similarity(query, keys->row + i * keys->E, keys->E)});
}

static int print(const struct matrix *queries, const struct matrix *keys, int64_t k) {
    if (queries->E != keys->E)
        return error(EXIT_DATA, "--queries has rows of %" PRId64 ", --keys of %" PRId64, queries->E, keys->E);
    if (k > keys->N) k = keys->N;
    struct found *best = xcalloc((size_t)k, sizeof *best);
    for (int64_t q = 0; q < queries->N; q++) {
        int64_t count;
        search(keys, queries->row + q * queries->E, k, best, &count);
        for (int64_t i = 0; i < count; i++)
            printf("%" PRId64 "\t%" PRId64 "\t%.6f\n", q, best[i].key, (double)best[i].similarity);
    }
    free(best);
    return 0;
}

static int run(void *context, const struct strings *operands) {
    const struct neighbours *said = context;
    struct matrix queries = {0}, keys = {0};
    (void)operands;
    if (!said->queries || !said->keys) return error(EXIT_USAGE, "give --queries FILE.npy and --keys FILE.npy");
    int status = matrix_read(&queries, said->queries);
    if (!status) status = matrix_read(&keys, said->keys);
    if (!status) status = print(&queries, &keys, said->k);
    matrix_release(&queries);
    matrix_release(&keys);
    return status;
}

int neighbours_main(const struct command *command, int argc, char **argv) {
    struct neighbours said = {.k = 1};
    struct option_table table = OPTION_TABLE(rows, &said);
    struct option_table *const tables[] = {&table, NULL};
    const struct tool tool = {.name = "coca-score neighbours",
                              .summary = command->summary,
                              .manual = manual,
                              .tables = tables,
                              .context = &said,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
