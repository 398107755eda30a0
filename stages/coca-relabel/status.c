// coca-relabel status: how far the job in a folder is, for people and for scripts, from any host that sees the folder.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "commands.h"
#include "overview.h"
#include "stage/option_rows.h"
#include "stage/progress.h"

static const char manual[] =
    "Says how far the relabelling in the folder DIR is: a line every --interval seconds until all shards are done, or\n"
    "with --once one report, who works at what with it. It reads the folder alone, so it runs anywhere and at any time.\n"
    "Rates are those seen while it watched; of the first look, those of the claims: what each owner made since it took\n"
    "its shard. The time left supposes that shards are as large as those done.\n"
    "\n"
    "--json prints an object a look:\n"
    "  complete                   all shards are done\n"
    "  shards, shards_done, shards_working   of all; whole; somebody alive works at it\n"
    "  pictures, captions, bad    made so far, shards in work with them; bad pictures are among the pictures\n"
    "  filtered                   captions left out by --filter-clipscore, of shards that are done\n"
    "  pictures_per_second, captions_per_second, seconds_left   null where it is not known\n"
    "  working                    a list: shard, host, pid, seconds (since it was claimed), pictures, captions, bad,\n"
    "                             expired (its owner was silent for --claim-expiry: whoever comes next takes it)\n"
    "\n"
    "Examples:\n"
    "  coca-relabel status relabelled\n"
    "  coca-relabel status relabelled --once --json | jq .seconds_left\n"
    "\n"
    "Exit codes: 0 done, whether the job is or not; 1 the folder cannot be read, 2 bad usage, 3 no folder of\n"
    "coca-relabel.";

struct status {
    bool once, json;
    double interval, expiry;
};

#define FIELD(member) offsetof(struct status, member)
static const struct option rows[] = {
    FLAG("once", once, "one report, and the end", 0),
    FLAG("json", json, "a JSON object instead of words", 0),
    REAL("interval", interval, "SECONDS", "5", 0.01, 3600, "between two looks", 0),
    REAL("claim-expiry", expiry, "SECONDS", CLAIMS_EXPIRY, 0.01, 1e6,
         "as the job's: an owner silent for longer is dead", 0),
};

struct pace {
    double pictures, captions; // a second; 0: none seen
    double seconds_left;       // below 0: not known
};

static void find_time_left(struct pace *pace, const struct overview *overview) {
    const double left = overview_pictures_left(overview);
    pace->seconds_left = left == 0 ? 0 : left < 0 || pace->pictures <= 0 ? -1 : left / pace->pictures;
}

static struct pace pace_of_claims(const struct overview *overview) {
    struct pace pace = {0};
    for (int i = 0; i < overview->claims; i++) {
        const struct claim_state *claim = &overview->claim[i];
        if (claim->expired || claim->seconds <= 0) continue;
        pace.pictures += (double)claim->pictures / claim->seconds;
        pace.captions += (double)claim->captions / claim->seconds;
    }
    find_time_left(&pace, overview);
    return pace;
}

// What is in work at a shard whose owner died is gone: there may be less than before.
static struct pace pace_since(const struct overview *overview, const struct shard_stats *first, double seconds) {
    const struct shard_stats total = overview_total(overview);
    struct pace pace = {.pictures = (double)(total.samples - first->samples) / seconds,
                        .captions = (double)(total.captions - first->captions) / seconds};
    if (pace.pictures < 0) pace.pictures = 0;
    if (pace.captions < 0) pace.captions = 0;
    find_time_left(&pace, overview);
    return pace;
}

static json_t *known(double value, bool is_known) {
    return is_known ? json_double(value) : json_null();
}

static json_t *working_json(const struct overview *overview) {
    json_t *list = json_array();
    for (int i = 0; i < overview->claims; i++) {
        const struct claim_state *claim = &overview->claim[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:f, s:I, s:I, s:I, s:b}", "shard", claim->name, "host",
                                              claim->host, "pid", (json_int_t)claim->pid, "seconds", claim->seconds,
                                              "pictures", (json_int_t)claim->pictures, "captions",
                                              (json_int_t)claim->captions, "bad", (json_int_t)claim->bad, "expired",
                                              claim->expired));
    }
    return list;
}

static void print_json(const struct overview *overview, const struct pace *pace) {
    const struct shard_stats total = overview_total(overview);
    json_t *report = json_pack(
        "{s:b, s:I, s:I, s:i, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "complete", !overview_left(overview), "shards",
        (json_int_t)overview->shards.count, "shards_done", (json_int_t)overview->done_count, "shards_working",
        overview->working, "pictures", (json_int_t)total.samples, "captions", (json_int_t)total.captions, "bad",
        (json_int_t)total.bad, "filtered", (json_int_t)total.filtered, "pictures_per_second",
        known(pace->pictures, pace->pictures > 0), "captions_per_second", known(pace->captions, pace->captions > 0),
        "seconds_left", known(pace->seconds_left, pace->seconds_left >= 0), "working", working_json(overview));
    char *text = json_shown(report, JSON_COMPACT | JSON_PRESERVE_ORDER);
    puts(text);
    fflush(stdout);
    free(text);
    json_decref(report);
}

static void add_count(struct buffer *text, int64_t count, const char *what, double rate) {
    buffer_format(text, ", %" PRId64 " %s", count, what);
    if (rate > 0) buffer_format(text, " (%.*f/s)", rate < 10 ? 2 : 0, rate);
}

static void add_line(struct buffer *text, const struct overview *overview, const struct pace *pace) {
    const struct shard_stats total = overview_total(overview);
    buffer_format(text, "relabel %" PRId64 "/%zu shards", overview->done_count, overview->shards.count);
    if (overview_left(overview)) buffer_format(text, ", %d in work", overview->working);
    add_count(text, total.samples, "pictures", pace->pictures);
    add_count(text, total.captions, "captions", pace->captions);
    add_count(text, total.bad, "bad", 0);
    if (total.filtered) add_count(text, total.filtered, "filtered", 0);
    if (!overview_left(overview)) {
        buffer_text(text, ", all done");
    } else if (pace->seconds_left >= 0) {
        buffer_text(text, ", ");
        progress_add_duration(text, pace->seconds_left);
        buffer_text(text, " left");
    }
}

static void add_claim(struct buffer *text, const struct claim_state *claim) {
    buffer_text(text, "  ");
    text_clean(text, claim->name, strlen(claim->name));
    buffer_text(text, ": ");
    text_clean(text, claim->host, strlen(claim->host));
    buffer_format(text, " (process %" PRId64 "), for ", claim->pid);
    progress_add_duration(text, claim->seconds);
    buffer_format(text, ": %" PRId64 " pictures, %" PRId64 " captions, %" PRId64 " bad%s\n", claim->pictures,
                  claim->captions, claim->bad,
                  claim->expired ? "; silent for too long, so whoever comes next takes it" : "");
}

static void print_report(const struct overview *overview, const struct pace *pace) {
    struct buffer text = {0};
    add_line(&text, overview, pace);
    buffer_text(&text, "\n");
    for (int i = 0; i < overview->claims; i++) add_claim(&text, &overview->claim[i]);
    fwrite(text.bytes, 1, text.size, stdout);
    buffer_release(&text);
}

// On a terminal one line that is drawn again and again.
static void show_line(const struct overview *overview, const struct pace *pace, bool last) {
    struct buffer text = {0};
    add_line(&text, overview, pace);
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%.*s\033[K%s", progress_width() - 1, text.bytes, last ? "\n" : "");
    else
        fprintf(stderr, "%s\n", text.bytes);
    buffer_release(&text);
}

static int watch(const struct status *status, struct overview *overview) {
    const struct shard_stats first = overview_total(overview);
    const double begun = clock_seconds();
    struct pace pace = pace_of_claims(overview);
    for (;;) {
        const bool last = !overview_left(overview);
        if (status->json)
            print_json(overview, &pace);
        else
            show_line(overview, &pace, last);
        if (last) return 0;
        usleep((useconds_t)(status->interval * 1e6));
        int failure = overview_look(overview, status->expiry);
        if (failure) return failure;
        pace = pace_since(overview, &first, clock_seconds() - begun);
    }
}

static int report(const struct status *status, struct overview *overview) {
    const struct pace pace = pace_of_claims(overview);
    if (status->json)
        print_json(overview, &pace);
    else
        print_report(overview, &pace);
    return 0;
}

static int run(void *context, const struct strings *operands) {
    const struct status *status = context;
    struct overview overview;
    if (operands->count != 1) return error(EXIT_USAGE, "give the folder that the job's --to names, and nothing else");
    int failure = overview_open(&overview, operands->item[0]);
    if (failure) return failure;
    failure = overview_look(&overview, status->expiry);
    if (!failure) failure = status->once ? report(status, &overview) : watch(status, &overview);
    overview_release(&overview);
    return failure;
}

int status_main(const struct command *command, int argc, char **argv) {
    struct status status;
    struct option_table own = OPTION_TABLE(rows, &status), *const tables[] = {&own, NULL};
    const struct tool tool = {.name = "coca-relabel status",
                              .summary = command->summary,
                              .manual = manual,
                              .tables = tables,
                              .operands = "DIR",
                              .context = &status,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
