// coca-score captions: the sink of a captioning, and the page that shows what a model sees. It asks text-decode for all
// captions and writes them in the order of the samples, with the names of a list or of the dataset's records; a picture
// that could not be read has an empty caption, so that lines and pictures still match.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "caption_list.h"
#include "commands.h"
#include "page.h"
#include "pull.h"
#include "run/run_model.h"
#include "run/run_options.h"
#include "text.h"
#include "train/protocol.h"
#include "truth.h"

static const char manual[] =
    "Writes generated captions, beside the true ones when the pictures are of a dataset.\n"
    "\n"
    "  captions  in   text B strings, ids i64 [B], names B strings of a list; from text-decode --generate\n"
    "\n"
    "--out holds one line for each picture, its name (its id in the dataset of --data, or its line in the list of\n"
    "coca-decode), a tab and the caption; with --format json it is a list as COCO's result files have it. --pairs\n"
    "N shows N pictures, evenly spread over --data, with the true captions: on stdout, which then has nothing\n"
    "else unless --out says so, and with --html as a page that holds the pictures (all of them without --pairs).\n"
    "A picture that could not be read has an empty caption, and the exit code is 3 after all is written.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage, 3 bad data, 4 peer lost.\n"
    "\n"
    "Example:\n"
    "  coca-text-decode --generate --pretrained model --features file:features.rec --captions - |\n"
    "      coca-score captions --captions - --data data/clipart/held-out --pairs 10 --html captions.html";

static struct {
    char *data, *out, *html;
    int format;
    bool append;
    int64_t pairs;
} own;
#define FIELD(member) offsetof(__typeof__(own), member)
static const struct option rows[] = {
    {"data", OPTION_TEXT, FIELD(data), "DIR", NULL, 0, 0, "the dataset that the pictures are of, by their ids",
     OPTION_LOCAL},
    {"out", OPTION_TEXT, FIELD(out), "FILE", NULL, 0, 0,
     "the captions; - is stdout, which is the default without --pairs", OPTION_LOCAL},
    {"format", OPTION_CHOICE, FIELD(format), "tsv|json", "tsv", 0, 0, "of --out", OPTION_LOCAL},
    {"append", OPTION_FLAG, FIELD(append), NULL, NULL, 0, 0, "to what --out has (tsv)", OPTION_LOCAL},
    {"pairs", OPTION_INT, FIELD(pairs), "N", "0", 0, 1e6, "pictures to show with both captions", OPTION_LOCAL},
    {"html", OPTION_TEXT, FIELD(html), "FILE", NULL, 0, 0, "shows them on a page with the pictures in it",
     OPTION_LOCAL},
};

enum { OWN, RUN, TABLES };
static struct option_table tables[TABLES] = {[OWN] = {rows, sizeof rows / sizeof *rows, &own, NULL}};

static struct captions {
    struct store *store; // NULL without --data
    struct caption_list list;
    struct page page;
    int64_t seen;
} self;

static int prepare(const struct strings *operands) {
    struct model_config model;
    (void)operands;
    if ((own.pairs || own.html) && !own.data)
        return error(EXIT_USAGE, "--pairs and --html need --data DIR: they show what the dataset knows");
    if (own.append && (!own.out || own.format == CAPTIONS_JSON))
        return error(EXIT_USAGE, "--append needs --out FILE of --format tsv, whose lines stand alone");
    if (!own.out && !own.pairs) own.out = xstrdup("-");
    int status = run_join(&model, &tables[RUN]);
    return status || !own.data ? status : store_open(&self.store, own.data);
}

// Picture number `seen` is the first in its N-th part of the data.
static bool is_shown(int64_t seen) {
    const int64_t total = store_count(self.store);
    return seen == 0 || seen * own.pairs / total > (seen - 1) * own.pairs / total;
}

static void print_pair(const struct truth *truth, const char *caption) {
    struct buffer text = {0};
    text_clean(&text, truth->name, strlen(truth->name));
    buffer_text(&text, "\n  true       ");
    truth_texts(truth, &text, "; ", text_clean);
    buffer_text(&text, "\n  generated  ");
    text_clean(&text, caption, strlen(caption));
    puts(text.bytes);
    buffer_release(&text);
}

static int add_of_dataset(int64_t id, const char *caption) {
    struct truth truth;
    int status = truth_find(&truth, self.store, id);
    if (status) return status;
    const bool shown = own.pairs && is_shown(self.seen);
    if (own.out) caption_list_add(&self.list, truth.name, caption);
    if (shown) print_pair(&truth, caption);
    if (own.html && (shown || !own.pairs)) page_add(&self.page, &truth, caption);
    truth_release(&truth);
    return 0;
}

static void add_of_list(int64_t id, const char *name, const char *caption) {
    char *number = xformat("%" PRId64, id);
    caption_list_add(&self.list, name ? name : number, caption);
    free(number);
}

static int take(void *context, const struct message *message) {
    const void *ids;
    (void)context;
    int status = message_tensor(message, TENSOR_IDS, DT_I64, SHAPE(-1), &ids);
    if (status) return status;
    const int64_t count = message_find(message, TENSOR_IDS)->shape.dim[0];
    for (int i = 0; i < count && !status; i++) {
        const int64_t id = ((const int64_t *)ids)[i];
        const char *text = message_string(message, TENSOR_TEXT, i);
        if (!text) return error(EXIT_RUN, "microbatch %d has no caption %d", message->unit.microbatch, i);
        if (pull_is_dropped(id)) text = "";
        if (self.store)
            status = add_of_dataset(id, text);
        else
            add_of_list(id, message_string(message, TENSOR_NAMES, i), text);
        self.seen++;
    }
    return status || !own.out ? status : caption_list_flush(&self.list);
}

static int open_outputs(void) {
    int status = own.out ? caption_list_open(&self.list, own.out, (enum caption_format)own.format, own.append) : 0;
    if (status || !own.html) return status;
    status = page_open(&self.page, own.html, path_base(own.data));
    if (status && own.out) caption_list_abandon(&self.list);
    return status;
}

static int close_outputs(void) {
    int status = own.out ? caption_list_close(&self.list) : 0;
    if (own.html) {
        int closed = page_close(&self.page);
        if (!status) status = closed;
    }
    return status;
}

static void abandon_outputs(void) {
    if (own.out) caption_list_abandon(&self.list);
    if (own.html) page_abandon(&self.page);
}

static int say(void) {
    if (own.pairs && fflush(stdout)) return error(EXIT_RUN, "stdout cannot be written");
    if (!self.seen && !own.append) return error(EXIT_DATA, "no caption came");
    if (!pull_dropped()) return 0;
    return error(EXIT_DATA, "%" PRId64 " of %" PRId64 " pictures could not be had: their captions are empty",
                 pull_dropped(), self.seen);
}

static int write_all(struct hub *hub) {
    const struct peer_group decoders = {ROLE_TEXT, 1};
    struct stream stream = {.from = {ROLE_TEXT, ANY_RANK}, .take = take};
    struct edge *edge;
    int status = pull_open(hub, &edge, "captions", run_options.captions, &decoders, 1);
    if (status) return status;
    if ((status = open_outputs())) return status;
    status = pull_all(edge, &stream, 1, "captions", self.store ? store_count(self.store) : 0);
    if (status) {
        abandon_outputs();
        return status;
    }
    status = close_outputs();
    return status ? status : say();
}

static int run(struct hub *hub) {
    int status = write_all(hub);
    store_close(&self.store);
    return status;
}

const struct stage *captions_command(void) {
    static const struct stage stage = {.name = "coca-score captions",
                                       .role = "score",
                                       .summary = "writes and shows generated captions",
                                       .manual = manual,
                                       .tables = tables,
                                       .table_count = TABLES,
                                       .prepare = prepare,
                                       .run = run};
    tables[RUN] = run_options_table;
    return &stage;
}
