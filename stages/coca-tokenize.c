// coca-tokenize: captions in, token ids out. The manual page is below. A worker of the tokens edge, as coca-decode is
// of the images': both must find the same record for sample n, so both ask dataset/sources.c with the same options. The
// text is coca-tokenize/sample_text.c's, its ids text/'s; a text that cannot be had becomes an empty caption.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "coca-tokenize/sample_text.h"
#include "run/run_model.h"
#include "run/samples.h"
#include "stage/option_rows.h"
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
struct tokenize {
    struct run run;
    struct worker_options samples;
    struct {
        int captions_per_record;
    } own;
    struct sources *sources;
    struct tokenizer *tokenizer;
    struct strings prompts;
    int T;
};

#define FIELD(member) offsetof(__typeof__(((struct tokenize *)0)->own), member)
static const struct option own_rows[] = {
    CHOICE("captions-per-record", captions_per_record, "first|all", "first",
           "with --data: sample n is the first caption of record n, or the n-th of all captions", OPTION_LOCAL),
};

static enum sources_order order_of(const struct tokenize *tokenize) {
    if (worker_trains(&tokenize->run, &tokenize->samples)) return SOURCES_SHUFFLED;
    return tokenize->own.captions_per_record == CAPTIONS_ALL ? SOURCES_EACH_CAPTION : SOURCES_IN_ORDER;
}

static int open_sources(struct tokenize *tokenize) {
    static const char *const any_text[] = {"captions", "labels", NULL}, *const captions[] = {"captions", NULL};
    const struct run *run = &tokenize->run;
    const bool trains = worker_trains(run, &tokenize->samples);
    const enum sources_order order = order_of(tokenize);
    const struct sources_options options = {
        .list = tokenize->samples.list,
        .directories = worker_data(run, &tokenize->samples),
        .weights = trains ? run->options.train_data_weights : NULL,
        .seed = (uint64_t)run->options.seed,
        .order = order,
        .expected = run->dataset,
        .expected_count = trains ? run->datasets : 0,
        .needs = order == SOURCES_EACH_CAPTION ? captions : any_text,
    };
    return sources_open(&tokenize->sources, &options);
}

static int open_tokenizer(struct tokenize *tokenize, const struct text_config *text) {
    const struct tokenizer_ids expected = {text->vocab_size, text->pad_id, text->bos_id, text->eos_id};
    char hash[HASH_TEXT_SIZE], *path = run_tokenizer(&tokenize->run);
    if (!path)
        return error(
            EXIT_USAGE,
            "--tokenizer FILE says which vocabulary the model was made for (data/clip-vocabulary.sh fetches CLIP's)");
    int status = tokenizer_open(&tokenize->tokenizer, path);
    if (!status) status = tokenizer_check(tokenize->tokenizer, expected);
    if (!status) {
        hash_format(hash, tokenizer_fingerprint(tokenize->tokenizer));
        note("vocabulary %s (%s), pad %d, bos %d, eos %d", path, hash, expected.pad, expected.bos, expected.eos);
    }
    free(path);
    return status;
}

static int read_prompts(struct tokenize *tokenize) {
    const char *path = tokenize->run.options.prompts;
    if (path) return templates_read(&tokenize->prompts, path);
    strings_add_text(&tokenize->prompts, "{}");
    return 0;
}

static int prepare(void *context, const struct strings *operands) {
    struct tokenize *tokenize = context;
    struct model_config model;
    (void)operands;
    int status = run_join(&tokenize->run, &model);
    if (!status) status = open_tokenizer(tokenize, &model.text);
    if (!status) status = read_prompts(tokenize);
    if (!status) status = open_sources(tokenize);
    if (!status) tokenize->T = model.text.context_length;
    return status;
}

static void *add_tokens(void *context, struct message *message, int samples) {
    return message_add(message, TENSOR_TOKENS, DT_I32, SHAPE(samples, ((const struct tokenize *)context)->T));
}

static int make(void *context, void *tensor, int row, int64_t n, struct worker_row *about) {
    const struct tokenize *tokenize = context;
    struct sample sample;
    struct buffer text = {0};
    const int T = tokenize->T;
    int status = sources_read(tokenize->sources, n, &sample);
    if (status) return status;
    about->id = sample.id;
    about->name = sample.line;
    const char *wrong =
        sample_text(&text, &sample, &tokenize->prompts, worker_trains(&tokenize->run, &tokenize->samples));
    if (wrong) {
        snprintf(about->dropped, WORKER_REASON, "%s", wrong);
        buffer_clear(&text);
    }
    int32_t *tokens = (int32_t *)tensor + (size_t)row * (size_t)T;
    tokenizer_encode(tokenize->tokenizer, text.size ? text.bytes : "", text.size, tokens, T);
    buffer_release(&text);
    sample_release(&sample);
    return 0;
}

static int count(void *context, int64_t *samples, bool *growing) {
    return sources_count(((struct tokenize *)context)->sources, samples, growing);
}

static int filled(void *context, int64_t first, int samples, int *left) {
    return sources_filled(((struct tokenize *)context)->sources, first, samples, left);
}

static int run(void *context, struct hub *hub) {
    const struct tokenize *tokenize = context;
    const struct worker worker = {.run = &tokenize->run,
                                  .options = &tokenize->samples,
                                  .edge = "tokens",
                                  .address = tokenize->run.options.tokens,
                                  .row_bytes = tokenize->T * (int64_t)sizeof(int32_t),
                                  .context = context,
                                  .count = count,
                                  .filled = filled,
                                  .add = add_tokens,
                                  .make = make};
    return worker_run(hub, &worker);
}

static void release(void *context) {
    struct tokenize *tokenize = context;
    if (tokenize->sources) sources_close(&tokenize->sources);
    if (tokenize->tokenizer) tokenizer_close(&tokenize->tokenizer);
    strings_release(&tokenize->prompts);
}

int main(int argc, char **argv) {
    struct tokenize tokenize = {.sources = NULL};
    struct option_table own = OPTION_TABLE(own_rows, &tokenize.own), samples = worker_options_table(&tokenize.samples);
    struct option_table *const tables[] = {&own, &samples, &tokenize.run.table, NULL};
    const struct stage stage = {.name = "coca-tokenize",
                                .summary = "captions in, token ids out",
                                .manual = manual,
                                .tables = tables,
                                .context = &tokenize,
                                .prepare = prepare,
                                .run = run,
                                .close = release};
    run_init(&tokenize.run);
    return stage_main(&stage, argc, argv);
}
