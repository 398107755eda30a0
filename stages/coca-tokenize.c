// coca-tokenize: captions in, token ids out. The manual page is below. A worker of the tokens edge, as coca-decode is
// of the images': both must find the same record for sample n, so both ask dataset/sources.c with the same options. The
// text is coca-tokenize/sample_text.c's, its ids text/'s; a text that cannot be had becomes an empty caption.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "coca-tokenize/sample_text.h"
#include "run/run_data.h"
#include "run/run_model.h"
#include "run/run_options.h"
#include "run/samples.h"
#include "stage/stage.h"
#include "text/prompt.h"
#include "text/tokenizer.h"
#include "worker/worker.h"

static const char manual[] =
    "Chooses a text for each sample and makes token ids of it. Of the tokens edge it serves, microbatch (s, m) of\n"
    "B samples holds\n"
    "\n"
    "  tokens  i32 [B,T]  BOS words EOS PAD..., T the model's context length; a long text loses words, never EOS\n"
    "  ids     i64 [B]    source << 48 | record; of --list the line, from 0\n"
    "  names   B strings  of --list: its lines\n"
    "  drops   strings    a JSON object for each text that is empty or not UTF-8: edge, id, source, record, reason. Its\n"
    "                     row is BOS EOS.\n"
    "\n"
    "A record with captions gives one of them; one with label names alone gives the names, shuffled, joined by\n"
    "commas and put in a template of --prompts. Both are drawn by the sample's place in the plan (--train-data,\n"
    "--train-data-weights, --seed), so any number of workers may serve one edge, and come and go. --data takes a\n"
    "dataset once, in order, and --list one text from each line. On a recording (file:PATH or -) it makes steps\n"
    "--first-step up to --steps in order, or the whole pass.\n"
    "\n"
    "Examples:\n"
    "  coca-tokenize --tokens file:tokens.rec --tokenizer en.model --train-data data/clipart/train --steps 2\n"
    "  echo 'a red frog' >list; touch list.closed; coca-tokenize --tokens - --tokenizer en.model --list list | coca-tap watch -\n"
    "\n"
    "Exit codes: 0 done, 2 bad usage or a vocabulary that is not the model's, 3 a dataset or list that is\n"
    "damaged, 4 the consumer was lost.";

enum { CAPTIONS_FIRST, CAPTIONS_ALL };
static struct { int captions_per_record; } own;
static const struct option own_rows[] = {
    {"captions-per-record", OPTION_CHOICE, offsetof(__typeof__(own), captions_per_record), "first|all", "first", 0, 0,
     "with --data: sample n is the first caption of record n, or the n-th of all captions", OPTION_LOCAL},
};

enum { OWN, WORKER, RUN, TABLES };
static struct option_table tables[TABLES] = {[OWN] = {own_rows, sizeof own_rows / sizeof *own_rows, &own, NULL}};

static struct sources *sources;
static struct tokenizer *tokenizer;
static struct strings prompts;
static int T;

static enum sources_order order(void) {
    if (worker_trains()) return SOURCES_SHUFFLED;
    return own.captions_per_record == CAPTIONS_ALL ? SOURCES_EACH_CAPTION : SOURCES_IN_ORDER;
}

static int open_sources(void) {
    static const char *const any_text[] = {"captions", "labels", NULL}, *const captions[] = {"captions", NULL};
    uint64_t expected[PLAN_SOURCES];
    int expected_count = 0;
    int status = worker_trains() ? run_data_fingerprints(expected, PLAN_SOURCES, &expected_count) : 0;
    if (status) return status;
    const struct sources_options options = {
        .list = worker_options.list,
        .directories = worker_data(),
        .weights = worker_trains() ? run_options.train_data_weights : NULL,
        .seed = (uint64_t)run_options.seed,
        .order = order(),
        .expected = expected,
        .expected_count = expected_count,
        .needs = order() == SOURCES_EACH_CAPTION ? captions : any_text,
    };
    return sources_open(&sources, &options);
}

static int open_tokenizer(const struct text_config *text) {
    const struct tokenizer_ids expected = {text->vocab_size, text->pad_id, text->bos_id, text->eos_id};
    char hash[HASH_TEXT_SIZE], *path = run_tokenizer();
    if (!path)
        return error(
            EXIT_USAGE,
            "--tokenizer FILE says which vocabulary the model was made for (data/clip-vocabulary.sh fetches CLIP's)");
    int status = tokenizer_open(&tokenizer, path);
    if (!status) status = tokenizer_check(tokenizer, expected);
    if (!status) {
        hash_format(hash, tokenizer_fingerprint(tokenizer));
        note("vocabulary %s (%s), pad %d, bos %d, eos %d", path, hash, expected.pad, expected.bos, expected.eos);
    }
    free(path);
    return status;
}

static int read_prompts(void) {
    if (run_options.prompts) return templates_read(&prompts, run_options.prompts);
    strings_add_text(&prompts, "{}");
    return 0;
}

static int prepare(const struct strings *operands) {
    struct model_config model;
    (void)operands;
    int status = run_join(&model, &tables[RUN]);
    if (!status) status = open_tokenizer(&model.text);
    if (!status) status = read_prompts();
    if (!status) status = open_sources();
    T = model.text.context_length;
    return status;
}

static void *add_tokens(struct message *message, int samples) {
    return message_add(message, TENSOR_TOKENS, DT_I32, SHAPE(samples, T));
}

static int make(void *tensor, int row, int64_t n, struct worker_row *about) {
    struct sample sample;
    struct buffer text = {0};
    int status = sources_read(sources, n, &sample);
    if (status) return status;
    about->id = sample.id;
    about->name = sample.line;
    const char *wrong = sample_text(&text, &sample, &prompts, worker_trains());
    if (wrong) {
        snprintf(about->dropped, WORKER_REASON, "%s", wrong);
        buffer_clear(&text);
    }
    tokenizer_encode(tokenizer, text.size ? text.bytes : "", text.size, (int32_t *)tensor + (size_t)row * (size_t)T, T);
    buffer_release(&text);
    sample_release(&sample);
    return 0;
}

static int count(int64_t *samples, bool *growing) {
    return sources_count(sources, samples, growing);
}

static int filled(int64_t first, int samples, int *left) {
    return sources_filled(sources, first, samples, left);
}

static int run(struct hub *hub) {
    const struct worker worker = {.edge = "tokens",
                                  .address = run_options.tokens,
                                  .row_bytes = T * (int64_t)sizeof(int32_t),
                                  .count = count,
                                  .filled = filled,
                                  .add = add_tokens,
                                  .make = make};
    return worker_run(hub, &worker);
}

static void release(void) {
    if (sources) sources_close(&sources);
    if (tokenizer) tokenizer_close(&tokenizer);
    strings_release(&prompts);
}

int main(int argc, char **argv) {
    static const struct stage stage = {
        .name = "coca-tokenize",
        .summary = "captions in, token ids out",
        .manual = manual,
        .tables = tables,
        .table_count = TABLES,
        .prepare = prepare,
        .run = run,
        .close = release,
    };
    tables[WORKER] = worker_options_table;
    tables[RUN] = run_options_table;
    return stage_main(&stage, argc, argv);
}
