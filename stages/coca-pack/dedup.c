// coca-pack dedup: which records of a dataset show what another one shows, as a list that `pack --exclude` takes and as
// a page to judge the threshold by. How pictures are compared is matches.c; this file says with what, and what is
// written.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "matches.h"
#include "pairs_page.h"
#include "record_names.h"
#include "stage/option_rows.h"

static const char manual[] =
    "Finds the records of the dataset DIR whose picture a record of --against has too, or, without it, one before it in DIR\n"
    "that stays. --out has a line for each: its name, the other record's, how it was found, and how far apart they are,\n"
    "with tabs between; `coca-pack pack --exclude FILE` and `index --exclude FILE` leave out what its first column names. A\n"
    "name is the id, or #NUMBER, from 0, where there is none or several records have it.\n"
    "\n"
    "  exact      the same pixels, turned upright; 0\n"
    "  hash       perceptual hashes of 64 bits (pHash: the signs, by their median, of the 8 x 8 lowest frequencies of\n"
    "             the picture in 32 x 32) that differ in up to --distance bits; how many. A picture of a single tone has\n"
    "             none.\n"
    "  embedding  with --embeddings: an inner product of at least --similarity, which stands in place of the two above;\n"
    "             the product. pipelines/dedup.sh makes the embeddings with a model and calls this.\n"
    "\n"
    "Of several images of a record the first counts. Pictures that do not decode are named and counted, and not compared.\n"
    "--html shows pairs side by side, those nearest to the threshold first.\n"
    "\n"
    "Examples:\n"
    "  coca-pack dedup data/cc12m --against data/coco-test::data/flickr-test --out duplicates --html pairs.html\n"
    "  coca-pack pack --from dataset data/cc12m --exclude duplicates --to data/cc12m-clean\n"
    "\n" PACK_MANUAL_EXIT;

struct dedup {
    char *against, *embeddings, *against_embeddings, *out, *html;
    int64_t distance, pairs, workers;
    double similarity;
};

#define FIELD(member) offsetof(struct dedup, member)
static const struct option options[] = {
    TEXT("against", against, "DIR[::DIR...]", NULL, "compare with these, such as test sets; left out: within DIR", 0),
    TEXT("out", out, "FILE", NULL, "the list; stdout when left out", OPTION_OUTPUT),
    TEXT("html", html, "PAGE", NULL, "pairs of pictures side by side", OPTION_OUTPUT),
    INT("pairs", pairs, "N", "100", 1, 1e6, "at most, on that page", 0),
    INT("workers", workers, "THREADS", "0", 0, 1024, "decoding at a time; 0: as many as there are cores", 0),
    HEADING("Near duplicates"),
    INT("distance", distance, "BITS", "4", -1, 32, "of perceptual hashes that are near; -1: exact ones only", 0),
    TEXT("embeddings", embeddings, "FILE", NULL,
         "compare these instead: .npy or .safetensors of embed.sh --data DIR, a row a record", 0),
    TEXT("against-embeddings", against_embeddings, "FILE", NULL, "those of --against", 0),
    REAL("similarity", similarity, "S", "0.95", 0.01, 1, "of embeddings that are near", 0),
};

// What was compared, and what came of it.
struct comparison {
    const struct dedup *dedup;
    struct datasets own, others; // others: empty, within own
    struct match *match;         // [records of own]
    struct record_names *names;
};

static bool is_within(const struct comparison *comparison) {
    return !comparison->dedup->against;
}

// ---- comparing

static int by_print(struct comparison *comparison) {
    const struct dedup *dedup = comparison->dedup;
    struct print *own = NULL, *others = NULL;
    int status = prints_make(&own, &comparison->own, (int)dedup->workers);
    if (!status && !is_within(comparison)) status = prints_make(&others, &comparison->others, (int)dedup->workers);
    if (!status)
        comparison->match = matches_by_print(own, datasets_records(&comparison->own), others,
                                             datasets_records(&comparison->others), (int)dedup->distance);
    free(own);
    free(others);
    return status;
}

static int read_rows(struct rows *rows, const char *path, const struct datasets *datasets) {
    const int64_t records = datasets_records(datasets);
    int status = rows_read(rows, path);
    if (status) return status;
    if (rows->N != records)
        return error(EXIT_DATA, "%s has %lld rows, and there are %lld records: a row for each, as of embed.sh --data",
                     path, (long long)rows->N, (long long)records);
    const int64_t zeros = rows_zero(rows);
    if (zeros) warn("%s: %lld rows of zeros, of what could not be read, are not compared", path, (long long)zeros);
    return 0;
}

static int by_row(struct comparison *comparison) {
    const struct dedup *dedup = comparison->dedup;
    struct rows own = {0}, others = {0};
    int status = read_rows(&own, dedup->embeddings, &comparison->own);
    if (!status && !is_within(comparison)) status = read_rows(&others, dedup->against_embeddings, &comparison->others);
    if (!status && !is_within(comparison) && own.E != others.E)
        status = error(EXIT_DATA, "%s has rows of %lld numbers, %s of %lld: embeddings of one model are needed",
                       dedup->embeddings, (long long)own.E, dedup->against_embeddings, (long long)others.E);
    if (!status) comparison->match = matches_by_row(&own, is_within(comparison) ? NULL : &others, dedup->similarity);
    rows_release(&own);
    rows_release(&others);
    return status;
}

// ---- the list

static const struct datasets *others_of(const struct comparison *comparison) {
    return is_within(comparison) ? &comparison->own : &comparison->others;
}

// Of another dataset the name is for people, and need not tell it from every other.
static int add_name(struct buffer *text, const struct comparison *comparison, const struct datasets *datasets,
                    int64_t number) {
    struct record record;
    int64_t index;
    struct store *store = datasets_at(datasets, number, &index);
    int status = store_texts(store, index, &record);
    if (status) return status;
    record_name(datasets == &comparison->own ? comparison->names : NULL, record.id, index, text);
    record_release(&record);
    return 0;
}

static void add_how(struct buffer *text, const struct match *match, const char *between) {
    buffer_format(text, "%s%s", match_word(match->kind), between);
    buffer_format(text, match->kind == MATCH_EMBEDDING ? "%.6f" : "%.0f", match->distance);
}

static int write_line(FILE *file, const struct comparison *comparison, int64_t number) {
    const struct match *match = &comparison->match[number];
    struct buffer line = {0};
    int status = add_name(&line, comparison, &comparison->own, number);
    buffer_text(&line, "\t");
    if (!status) status = add_name(&line, comparison, others_of(comparison), match->other);
    buffer_text(&line, "\t");
    add_how(&line, match, "\t");
    buffer_text(&line, "\n");
    if (!status) fwrite(line.bytes, 1, line.size, file);
    buffer_release(&line);
    return status;
}

static int write_list(const struct comparison *comparison) {
    const char *out = comparison->dedup->out;
    struct aside aside;
    int status = aside_open(&aside, out && strcmp(out, "-") ? out : "/dev/stdout");
    if (status) return status;
    for (int64_t i = 0; i < datasets_records(&comparison->own) && !status; i++)
        if (comparison->match[i].kind != MATCH_NONE) status = write_line(aside.file, comparison, i);
    if (!status) return aside_commit(&aside);
    aside_abandon(&aside);
    return status;
}

// ---- the page

struct shown {
    int64_t number;
    double left; // to the threshold
};

static int compare(const void *a, const void *b) {
    const struct shown *x = a, *y = b;
    if (x->left != y->left) return x->left < y->left ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static double left_of(const struct match *match, const struct dedup *dedup) {
    if (match->kind == MATCH_EXACT) return INFINITY;
    return match->kind == MATCH_HASH ? (double)dedup->distance - match->distance : match->distance - dedup->similarity;
}

static struct shown *sort_pairs(const struct comparison *comparison, size_t *count) {
    const int64_t records = datasets_records(&comparison->own);
    struct shown *shown = xcalloc((size_t)records + 1, sizeof *shown);
    *count = 0;
    for (int64_t i = 0; i < records; i++)
        if (comparison->match[i].kind != MATCH_NONE)
            shown[(*count)++] = (struct shown){i, left_of(&comparison->match[i], comparison->dedup)};
    qsort(shown, *count, sizeof *shown, compare);
    return shown;
}

static int read_side(struct pairs_side *side, struct record *record, const struct datasets *datasets, int64_t number) {
    int64_t index;
    struct store *store = datasets_at(datasets, number, &index);
    int status = store_read(store, index, record);
    if (!status) *side = (struct pairs_side){record_picture(record), record->id};
    return status;
}

static int add_pair(struct pairs_page *page, const struct comparison *comparison, int64_t number) {
    const struct match *match = &comparison->match[number];
    struct record own, other;
    struct pairs_side side[2];
    struct buffer how = {0};
    int status = read_side(&side[0], &own, &comparison->own, number);
    if (status) return status;
    status = read_side(&side[1], &other, others_of(comparison), match->other);
    if (!status) {
        add_how(&how, match, " ");
        pairs_page_add(page, how.bytes, side);
        record_release(&other);
    }
    buffer_release(&how);
    record_release(&own);
    return status;
}

static int open_page(struct pairs_page *page, const struct comparison *comparison, size_t pairs, size_t shown) {
    const struct dedup *dedup = comparison->dedup;
    char *title = xformat("%s: %zu duplicates", store_path(comparison->own.store[0]), pairs);
    char *threshold = dedup->embeddings ? xformat("a similarity of %g", dedup->similarity)
                                        : xformat("%lld bits", (long long)dedup->distance);
    char *words =
        xformat("Left a record that would be left out, right the one that it is like%s%s. %zu pairs, those "
                "nearest to the threshold, %s, first.",
                is_within(comparison) ? "" : ", of ", is_within(comparison) ? "" : dedup->against, shown, threshold);
    int status = pairs_page_open(page, dedup->html, title, words);
    free(title);
    free(threshold);
    free(words);
    return status;
}

static int write_page(const struct comparison *comparison) {
    size_t pairs, most = (size_t)comparison->dedup->pairs;
    struct pairs_page page;
    struct shown *shown = sort_pairs(comparison, &pairs);
    const size_t count = pairs < most ? pairs : most;
    int status = open_page(&page, comparison, pairs, count);
    if (!status) {
        for (size_t i = 0; i < count && !status; i++) status = add_pair(&page, comparison, shown[i].number);
        if (status)
            pairs_page_abandon(&page);
        else
            status = pairs_page_close(&page);
    }
    free(shown);
    return status;
}

// ---- all of it

static void report(const struct comparison *comparison) {
    static const enum match_kind kinds[] = {MATCH_EXACT, MATCH_HASH, MATCH_EMBEDDING};
    const int64_t records = datasets_records(&comparison->own);
    int64_t count[MATCH_EMBEDDING + 1] = {0};
    struct buffer text = {0};
    for (int64_t i = 0; i < records; i++) count[comparison->match[i].kind]++;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (count[kinds[i]]) buffer_format(&text, ", %lld %s", (long long)count[kinds[i]], match_word(kinds[i]));
    note("%s: %lld records, %lld duplicates%s", store_path(comparison->own.store[0]), (long long)records,
         (long long)(records - count[MATCH_NONE]), text.size ? text.bytes : "");
    buffer_release(&text);
}

static int write_all(struct comparison *comparison) {
    int status = record_names_read(&comparison->names, comparison->own.store[0]);
    if (!status) status = write_list(comparison);
    if (!status && comparison->dedup->html) status = write_page(comparison);
    if (!status) report(comparison);
    return status;
}

static int check(const struct dedup *dedup, const struct strings *operands) {
    if (operands->count != 1) return error(EXIT_USAGE, "which dataset? Give its directory, one");
    if (dedup->against_embeddings && !dedup->embeddings)
        return error(EXIT_USAGE, "--against-embeddings needs --embeddings, those of the dataset itself");
    if (dedup->embeddings && !dedup->against != !dedup->against_embeddings)
        return error(EXIT_USAGE, "with --embeddings, --against and --against-embeddings need each other");
    return 0;
}

static int run(void *context, const struct strings *operands) {
    struct comparison comparison = {.dedup = context};
    const struct dedup *dedup = context;
    int status = check(dedup, operands);
    if (!status) status = datasets_open(&comparison.own, operands->item[0]);
    if (!status && comparison.own.count != 1) status = error(EXIT_USAGE, "one dataset at a time can be deduplicated");
    if (!status && dedup->against) status = datasets_open(&comparison.others, dedup->against);
    if (!status) status = dedup->embeddings ? by_row(&comparison) : by_print(&comparison);
    if (!status) status = write_all(&comparison);
    record_names_free(&comparison.names);
    free(comparison.match);
    datasets_close(&comparison.own);
    datasets_close(&comparison.others);
    return status;
}

int dedup_main(const struct command *command, int argc, char **argv) {
    struct dedup dedup = {.against = NULL};
    struct option_table own = OPTION_TABLE(options, &dedup);
    struct option_table *const tables[] = {&own, NULL};
    const struct tool tool = {.name = "coca-pack dedup",
                              .summary = command->summary,
                              .manual = manual,
                              .tables = tables,
                              .operands = "DIR",
                              .context = &dedup,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
