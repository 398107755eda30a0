// coca-score captions: the sink of a captioning, and the page that shows what a model sees. It asks text-decode for all
// captions and writes them in the order of the samples, with the names of a list or of the dataset's records; a picture
// that could not be read has an empty caption, so that lines and pictures still match.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "caption_list.h"
#include "clip_texts.h"
#include "commands.h"
#include "judge.h"
#include "page.h"
#include "run/samples.h"
#include "stage/option_rows.h"
#include "train/pull.h"
#include "train/stages.h"
#include "truth.h"

static const char manual[] =
    "Writes generated captions, beside the true ones when the pictures are of a dataset.\n"
    "\n"
    "  captions  in   tokens i32 [BN,T], text BN strings, ids i64 [B], names B strings of a list; from text-decode\n"
    "                 --generate\n"
    "\n"
    "--out holds one line for each picture, its name (its id in the dataset of --data, or its line in the list of\n"
    "coca-decode), a tab and the caption; in names line ends, tabs, other characters that act on a terminal and\n"
    "bytes that are not UTF-8 are \\xNN, a backslash before an x \\x5c. With --format json it is a list as COCO's\n"
    "result files have it, with names as they are (not UTF-8: as above), as numbers where a name is spelled as one\n"
    "of 64 bits. Several captions of a picture are as many lines, or items with one image_id; --pairs and --html show\n"
    "the first, and --metrics and --clip-texts refuse them. --pairs N shows N pictures, evenly spread over --data, with the true captions: on stdout, which then\n"
    "has nothing else unless --out says so, and with --html as a page that holds the pictures (all of them without\n"
    "--pairs).\n"
    "--metrics judges them by the captions of --data as `coca-score metrics` does, and prints one JSON object in\n"
    "CLIP_benchmark's layout, with how the captions were made, as the options say, in `settings`.\n"
    "A picture that could not be read has an empty caption, and the exit code is 3 after all is written.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage, 3 bad data, 4 peer lost.\n"
    "\n"
    "Example:\n"
    "  coca-text-decode --generate --pretrained model --features file:features.rec --captions - |\n"
    "      coca-score captions --captions - --data data/clipart/held-out --pairs 10 --html captions.html";

// Of the run's options.
static const char used[] = "model pretrained image-size batch-size microbatch window captions";

struct captions {
    struct run run;
    struct {
        char *out, *html, *meteor_data, *clip_texts;
        int format;
        bool append, metrics;
        int64_t pairs;
    } own;
    struct results_options results;
    struct decoding_options decoding;
    struct option_table decoding_table;
    struct pull pull;
    struct store *store; // NULL without --data
    struct caption_list list;
    struct gallery page;
    struct judge judge;
    struct clip_texts clip_texts;
    struct strings picture; // the captions of one
    int64_t seen;
};

#define FIELD(member) offsetof(__typeof__(((struct captions *)0)->own), member)
static const struct option rows[] = {
    TEXT("out", out, "FILE", NULL, "the captions; - is stdout, which is the default without --pairs and --metrics",
         OPTION_LOCAL | OPTION_OUTPUT),
    CHOICE("format", format, "tsv|json", "tsv", "of --out", OPTION_LOCAL),
    FLAG("append", append, "to what --out has (tsv)", OPTION_LOCAL),
    INT("pairs", pairs, "N", "0", 0, 1e6, "pictures to show with both captions", OPTION_LOCAL),
    FLAG("metrics", metrics, "judges them by the captions of --data; one JSON object on stdout, and in --results",
         OPTION_LOCAL),
    TEXT("meteor-data", meteor_data, "FILE", NULL, METEOR_FILE_HELP, OPTION_LOCAL),
    TEXT("clip-texts", clip_texts, "FILE", NULL,
         "the texts whose embeddings coca-score clip-score wants, for coca-tokenize --list FILE --null",
         OPTION_LOCAL | OPTION_OUTPUT),
    TEXT("html", html, "FILE", NULL, "shows them on a page with the pictures in it", OPTION_LOCAL | OPTION_OUTPUT),
};

static int refuse_several(const struct captions *self, int64_t each) {
    if (each <= 1 || (!self->own.metrics && !self->own.clip_texts)) return 0;
    return error(
        EXIT_USAGE,
        "--metrics and --clip-texts are of one caption a picture, not of %" PRId64 ": leave --num-captions away", each);
}

static int prepare(void *context, const struct strings *operands) {
    struct captions *self = context;
    struct model_config model;
    (void)operands;
    if ((self->own.pairs || self->own.html || self->own.metrics || self->own.clip_texts) && !self->results.data)
        return error(EXIT_USAGE, "--pairs, --html, --metrics and --clip-texts need --data DIR: they tell what the "
                                 "dataset knows");
    if (self->results.results && !self->own.metrics)
        return error(EXIT_USAGE, "--results FILE is for --metrics: captions alone are no result");
    if (self->own.meteor_data && !self->own.metrics)
        return error(EXIT_USAGE, "--meteor-data FILE is for --metrics, which need it");
    if (self->own.append && (!self->own.out || self->own.format == CAPTIONS_JSON))
        return error(EXIT_USAGE, "--append needs --out FILE of --format tsv, whose lines stand alone");
    if (!self->own.out && !self->own.pairs && !self->own.metrics) self->own.out = xstrdup("-");
    int status = refuse_several(self, self->decoding.num_captions);
    if (!status && self->own.metrics) status = meteor_file_open(&self->judge.meteor, self->own.meteor_data);
    if (!status) status = run_join(&self->run, &model);
    return status || !self->results.data ? status : store_open(&self->store, self->results.data);
}

// Picture number `seen` is the first in its N-th part of the data.
static bool is_shown(const struct captions *self) {
    const int64_t seen = self->seen;
    const int64_t total = store_count(self->store);
    return seen == 0 || seen * self->own.pairs / total > (seen - 1) * self->own.pairs / total;
}

static void print_pair(const struct truth *truth, const char *caption) {
    struct buffer text = {0};
    int count;
    const struct span *each = truth_texts(truth, &count);
    text_clean(&text, truth->name, strlen(truth->name));
    buffer_text(&text, "\n  true       ");
    for (int i = 0; i < count; i++) {
        if (i) buffer_text(&text, "; ");
        text_clean(&text, each[i].bytes, each[i].size);
    }
    buffer_text(&text, "\n  generated  ");
    text_clean(&text, caption, strlen(caption));
    puts(text.bytes);
    buffer_release(&text);
}

static void list_all(struct captions *self, const char *name,
                     void (*spell)(struct buffer *out, const char *text, size_t size)) {
    for (size_t i = 0; i < self->picture.count; i++) caption_list_add(&self->list, name, spell, self->picture.item[i]);
}

static int add_of_dataset(struct captions *self, int64_t id) {
    const char *caption = self->picture.item[0];
    struct truth truth;
    int status = truth_find(&truth, self->store, id);
    if (status) return status;
    const bool shown = self->own.pairs && is_shown(self);
    if (self->own.out) list_all(self, truth.name, text_clean);
    if (shown) print_pair(&truth, caption);
    if (self->own.html && (shown || !self->own.pairs)) page_add(&self->page, &truth, caption);
    if (self->own.metrics) judge_add(&self->judge, &truth, caption);
    if (self->own.clip_texts) clip_texts_add(&self->clip_texts, &truth, caption);
    truth_release(&truth);
    return 0;
}

static void add_of_list(struct captions *self, int64_t id, const char *name) {
    char *number = xformat("%" PRId64, id);
    list_all(self, name ? name : number, text_escape);
    free(number);
}

// A row of tokens for each caption.
static int count_captions(const struct captions *self, const struct message *message, int64_t pictures, int *each) {
    const int64_t captions = message_rows(message, TENSOR_TOKENS);
    *each = pictures ? (int)(captions / pictures) : 0;
    if (captions % (pictures ? pictures : 1) || (pictures && !*each))
        return error(EXIT_RUN, "microbatch %d has %" PRId64 " captions of %" PRId64 " pictures",
                     message->unit.microbatch, captions, pictures);
    return refuse_several(self, *each);
}

static int take_picture(struct captions *self, const struct message *message, int i, int each, int64_t id) {
    const bool dropped = pull_is_dropped(&self->pull, id);
    strings_clear(&self->picture);
    for (int j = i * each; j < (i + 1) * each; j++) {
        const char *text = message_string(message, TENSOR_TEXT, j);
        if (!text) return error(EXIT_RUN, "microbatch %d has no caption %d", message->unit.microbatch, j);
        strings_add_text(&self->picture, dropped ? "" : text);
    }
    if (!self->store) add_of_list(self, id, message_string(message, TENSOR_NAMES, i));
    int status = self->store ? add_of_dataset(self, id) : 0;
    self->seen++;
    return status;
}

static int take(void *context, const struct message *message) {
    struct captions *self = context;
    const void *ids;
    int each, status = message_tensor(message, TENSOR_IDS, DT_I64, SHAPE(-1), &ids);
    if (status) return status;
    const int64_t count = message_find(message, TENSOR_IDS)->shape.dim[0];
    status = count_captions(self, message, count, &each);
    for (int i = 0; i < count && !status; i++) status = take_picture(self, message, i, each, ((const int64_t *)ids)[i]);
    return status || !self->own.out ? status : caption_list_flush(&self->list);
}

static void abandon_outputs(struct captions *self) {
    if (self->own.out) caption_list_abandon(&self->list);
    if (self->own.html) gallery_abandon(&self->page);
    if (self->own.clip_texts) clip_texts_release(&self->clip_texts);
}

static int open_outputs(struct captions *self) {
    int status = self->own.out ? caption_list_open(&self->list, self->own.out, (enum caption_format)self->own.format,
                                                   self->own.append)
                               : 0;
    if (status) return status;
    if (self->own.html) status = page_open(&self->page, self->own.html, path_base(self->results.data));
    if (status) {
        if (self->own.out) caption_list_abandon(&self->list);
        return status;
    }
    if (self->own.clip_texts) status = clip_texts_open(&self->clip_texts, self->own.clip_texts);
    if (status) abandon_outputs(self);
    return status;
}

static int first_of(int status, int next) {
    return status ? status : next;
}

static int close_outputs(struct captions *self) {
    int status = self->own.out ? caption_list_close(&self->list) : 0;
    if (self->own.html) status = first_of(status, gallery_close(&self->page));
    if (self->own.clip_texts) status = first_of(status, clip_texts_close(&self->clip_texts));
    return status;
}

// What went wrong with single pictures is an error only when everything is written.
static int say(struct captions *self) {
    if (self->own.pairs && fflush(stdout)) return error(EXIT_RUN, "stdout cannot be written");
    if (!self->seen && !self->own.append) return error(EXIT_DATA, "no caption came");
    int status = self->own.metrics ? judge_say(&self->judge, &self->run, &self->results, &self->decoding_table) : 0;
    if (status || !self->pull.dropped) return status;
    return error(EXIT_DATA, "%" PRId64 " of %" PRId64 " pictures could not be had: their captions are empty",
                 self->pull.dropped, self->seen);
}

static int run(void *context, struct hub *hub) {
    static const char *const roles[] = {ROLE_TEXT, NULL};
    struct captions *self = context;
    struct stream stream = {.role = ROLE_TEXT, .take = take, .context = self};
    int status = pull_open(&self->pull, &self->run, hub, "captions", self->run.options.captions, roles);
    if (status) return status;
    if ((status = open_outputs(self))) return status;
    status = pull_all(&self->pull, &stream, 1, "captions", self->store ? store_count(self->store) : 0);
    if (status) {
        abandon_outputs(self);
        return status;
    }
    status = close_outputs(self);
    return status ? status : say(self);
}

static void release(void *context) {
    struct captions *self = context;
    store_close(&self->store);
    pull_close(&self->pull);
    strings_release(&self->picture);
    judge_release(&self->judge);
}

int captions_main(const struct command *command, int argc, char **argv) {
    struct captions self = {.store = NULL};
    struct option_table own = OPTION_TABLE(rows, &self.own), results = results_options_table(&self.results);
    struct option_table *const tables[] = {&own, &results, &self.decoding_table, &self.run.table, NULL};
    const struct stage stage = {.name = "coca-score captions",
                                .role = "score",
                                .summary = command->summary,
                                .manual = manual,
                                .tables = tables,
                                .context = &self,
                                .prepare = prepare,
                                .run = run,
                                .close = release};
    self.decoding_table = decoding_options_table(&self.decoding);
    run_init(&self.run, used);
    return stage_main(&stage, argc, argv);
}
