// coca-tokenize: captions in, token ids out. The manual page is below. A worker of the tokens edge, as coca-decode is
// of the images': both must find the same record for sample n, so both ask dataset/sources.c with the same options. The
// text is coca-tokenize/sample_text.c's, its ids text/'s; a text that cannot be had becomes an empty caption.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "coca-tokenize/question.h"
#include "coca-tokenize/sample_text.h"
#include "run/run_model.h"
#include "run/samples.h"
#include "stage/option_rows.h"
#include "stage/stage.h"
#include "text/prompt.h"
#include "text/tokenizer.h"
#include "train/topology.h"
#include "worker/worker.h"

static const char manual[] =
    "Chooses a text for each sample and makes token ids of it. Of the tokens edge it serves, microbatch (s, m) of\n"
    "B samples holds\n"
    "\n"
    "  tokens  i32 [B,T]  BOS words EOS PAD..., T the model's context length; a long text loses words, never EOS\n"
    "  lengths i32 [B]    with --task and a caption loss: tokens up to the question's last, without the answer's\n"
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
    "With --task vqa|snli-ve|nlvr2 the text is the record's question, hypothesis or statement; in training with a\n"
    "caption loss the answer that most people gave stands behind it.\n"
    "\n"
    "Examples:\n"
    "  coca-tokenize --tokens file:tokens.rec --tokenizer en.model --train-data data/clipart/train --steps 2\n"
    "  echo 'a red frog' >list; touch list.closed; coca-tokenize --tokens - --tokenizer en.model --list list | coca-tap watch -\n"
    "\n"
    "Exit codes: 0 done, 2 bad usage or a vocabulary that is not the model's, 3 a dataset or list that is\n"
    "damaged, 4 the consumer was lost.";

enum { CAPTIONS_FIRST, CAPTIONS_ALL };
// Of the run's options.
static const char used[] =
    "model tokenizer pretrained image-size train-data train-data-weights prompts val-data seed shuffle cache cache-gib "
    "remote-retries remote-timeout batch-size microbatch steps first-step evaluate task coca-caption-loss-weight tokens control";

struct tokenize {
    struct run run;
    struct worker_options samples;
    struct {
        int captions_per_record;
    } own;
    struct worker worker;
    struct tokenizer *tokenizer;
    struct strings prompts;
    int T;
    bool asks, answers; // the text is a task's question; its answer follows
    int32_t *lengths;   // of the message that is made, where the answer follows
};

#define FIELD(member) offsetof(__typeof__(((struct tokenize *)0)->own), member)
static const struct option own_rows[] = {
    CHOICE("captions-per-record", captions_per_record, "first|all", "first",
           "with --data: sample n is the first caption of record n, or the n-th of all captions", OPTION_LOCAL),
};

static int open_samples(struct tokenize *tokenize) {
    static const char *const any_text[] = {"captions", "labels", NULL}, *const captions[] = {"captions", NULL},
                             *const question[] = {"question", NULL};
    struct worker *worker = &tokenize->worker;
    const bool each = tokenize->own.captions_per_record == CAPTIONS_ALL;
    if (tokenize->asks) return worker_open(worker, SOURCES_IN_ORDER, question);
    return worker_open(worker, each ? SOURCES_EACH_CAPTION : SOURCES_IN_ORDER,
                       each && !worker_trains(worker) ? captions : any_text);
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
    int status = worker_visit(&tokenize->worker, &tokenize->run);
    if (!status) status = run_join(&tokenize->run, &model);
    if (!status) status = open_tokenizer(tokenize, &model.text);
    if (!status) status = read_prompts(tokenize);
    tokenize->asks = tasks[tokenize->run.options.task].reads_text;
    tokenize->worker.texts = true;
    tokenize->answers = tokenize->asks && worker_trains(&tokenize->worker) && tokenize->run.options.caption_weight > 0;
    if (!status) status = open_samples(tokenize);
    if (status) return status;
    tokenize->T = model.text.context_length;
    tokenize->worker.address = tokenize->run.options.tokens;
    tokenize->worker.consumers = topology_consumers(&tokenize->run, "tokens");
    tokenize->worker.row_bytes = tokenize->T * (int64_t)sizeof(int32_t);
    return 0;
}

static void *add_tokens(void *context, struct message *message, int samples) {
    struct tokenize *tokenize = context;
    if (tokenize->answers) tokenize->lengths = message_add(message, TENSOR_LENGTHS, DT_I32, SHAPE(samples));
    return message_add(message, TENSOR_TOKENS, DT_I32, SHAPE(samples, tokenize->T));
}

// What is wrong with the record, or NULL; then the row is BOS EOS.
static const char *make_question(const struct tokenize *tokenize, int32_t *tokens, int row,
                                 const struct sample *sample) {
    const struct span none = {NULL, 0};
    const char *wrong = *sample->reason ? sample->reason : question_check(&sample->record);
    const int length =
        question_encode(tokenize->tokenizer, wrong ? none : sample->record.question,
                        tokenize->answers && !wrong ? question_answer(&sample->record) : none, tokens, tokenize->T);
    if (tokenize->answers) tokenize->lengths[row] = length;
    return wrong;
}

static const char *make_text(const struct tokenize *tokenize, int32_t *tokens, const struct sample *sample) {
    struct buffer text = {0};
    const char *wrong = sample_text(&text, sample, &tokenize->prompts, worker_trains(&tokenize->worker));
    if (wrong) buffer_clear(&text);
    tokenizer_encode(tokenize->tokenizer, text.size ? text.bytes : "", text.size, tokens, tokenize->T);
    buffer_release(&text);
    return wrong;
}

static void make(void *context, void *tensor, int row, const struct sample *sample, char dropped[WORKER_REASON]) {
    const struct tokenize *tokenize = context;
    int32_t *tokens = (int32_t *)tensor + (size_t)row * (size_t)tokenize->T;
    const char *wrong =
        tokenize->asks ? make_question(tokenize, tokens, row, sample) : make_text(tokenize, tokens, sample);
    if (wrong) snprintf(dropped, WORKER_REASON, "%s", wrong);
}

static int run(void *context, struct hub *hub) {
    return worker_run(&((struct tokenize *)context)->worker, hub);
}

static void release(void *context) {
    struct tokenize *tokenize = context;
    worker_close(&tokenize->worker);
    if (tokenize->tokenizer) tokenizer_close(&tokenize->tokenizer);
    strings_release(&tokenize->prompts);
}

int main(int argc, char **argv) {
    struct tokenize tokenize = {.worker = {.run = &tokenize.run,
                                           .options = &tokenize.samples,
                                           .edge = "tokens",
                                           .context = &tokenize,
                                           .add = add_tokens,
                                           .make = make}};
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
    run_init(&tokenize.run, used);
    return stage_main(&stage, argc, argv);
}
