// coca-relabel run: feeder and sink of a job in one process. The manual page is below. This file has its options and
// its life; relabel.h says who does what.
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "commands.h"
#include "folder.h"
#include "identity.h"
#include "model/params/config.h"
#include "remote/object.h"
#include "run/decoding_options.h"
#include "stage/option_rows.h"
#include "stage/stage.h"
#include "take.h"
#include "train/stages.h"

static const char manual[] =
    "Writes for each shard of --from one of the same name into --to, with captions of its pictures in it. It lists the\n"
    "pictures of a shard for coca-decode --extents, takes what coca-text-decode --generate makes of them, and writes\n"
    "the shard when all have come; pipelines/relabel.sh starts the stages in between.\n"
    "\n"
    "  captions  in   text BN strings, N (--num-captions) of each picture in turn; embedding f32 [B,E] and\n"
    "                 text_embedding f32 [BN,E] where --write-embeddings or --filter-clipscore want them; drops\n"
    "\n"
    "Shards are tars of webdataset and img2dataset, JSON lines with a picture's path or bytes (base64) in each, also\n"
    "compressed, and folders of img2dataset's \"files\", which become JSON lines. Members of tars are copied as they are, but\n"
    "that the sample's JSON gets --key: [captions], and \"" OUTPUT_SCORES "\": [2.5 max(cos, 0) of each] where both\n"
    "embeddings are there; KEY.image.npy f32 [E] and KEY.text.npy f32 [N,E] stand behind its members. In JSON lines the\n"
    "embeddings are image_embedding and text_embeddings. The picture of a line is the first field of\n" SOURCE_PICTURE_FIELDS
    ":\n"
    "a path, beside the list, if it has a \".\", else base64.\n"
    "\n"
    "A sample without a picture that can be had, or whose JSON cannot be read, stays as it is, and is counted and named in\n"
    "STEM_stats.json. A shard that is cut is named, and nothing is written for it. What makes the bytes what they are\n"
    "stands in relabel.json, and a start with anything else is refused. Killed at any moment and started again, a job goes\n"
    "on behind the last microbatch that was kept, and its shards have the same bytes.\n"
    "\n"
    "Any number of hosts may work on one --to that all of them see: each takes shards that nobody has (.claims). With\n"
    "--part I/N, I from 0, a process takes those whose place in the list mod N is I. A --to on a server (s3://, http://)\n"
    "needs --part.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage (other settings than --to was begun with), 3 samples or shards were\n"
    "bad, 4 peer lost, 130 and 143 signals.";

// Of the run's options.
static const char used[] = "model pretrained tokenizer image-size batch-size microbatch window seed device threads "
                           "precision weights replicas captions";

enum { BATCHES_AHEAD = 64 };
enum { SAYS_INPUT, SAYS_TAR, SAYS_JSONL };

struct relabel_run {
    struct run run;
    struct {
        struct strings from;
        char *to, *list, *scratch, *key, *part, *embeddings;
        int format;
        double filter, claim_expiry;
        int64_t max_picture_bytes;
    } own;
    struct decoding_options decoding;
    struct option_table own_table, decoding_table;
    struct pull pull;
    struct relabel job;
    char *here, *settings_line;
    json_t *settings;
    double began;
};

#define FIELD(member) offsetof(__typeof__(((struct relabel_run *)0)->own), member)
static const struct option rows[] = {
    HEADING("Shards"),
    LIST("from", from, "SHARDS",
         "paths, http(s)://, s3:// or pipe:COMMAND, with {000..329}, {a,b}, joined by ::, or patterns of files",
         OPTION_LOCAL),
    TEXT("to", to, "DIR", NULL, "folder, or s3://BUCKET/PREFIX, http://HOST/PREFIX, that they go to", OPTION_LOCAL),
    CHOICE("format", format, "input|tar|jsonl", "input", "what is written: as each shard is, or JSON lines of tars too",
           OPTION_LOCAL),
    TEXT("part", part, "I/N", NULL, "of N parts of the list the I-th, from 0", OPTION_LOCAL),
    REAL("claim-expiry", claim_expiry, "SECONDS", CLAIMS_EXPIRY, 1, 1e6,
         "after which a shard whose owner gave no sign of life is anybody's", OPTION_LOCAL),
    TEXT("list", list, "FILE", "list", "where pictures are listed for coca-decode", OPTION_LOCAL),
    TEXT("scratch", scratch, "DIR", "scratch",
         "for copies of shards that are compressed or elsewhere, of a few at a time", OPTION_LOCAL),
    HEADING("What is written"),
    TEXT("key", key, "KEY", "syn_text", "of the captions in a sample's JSON", OPTION_LOCAL),
    TEXT("write-embeddings", embeddings, "image|text|image,text", NULL, "embeddings beside the captions", OPTION_LOCAL),
    REAL("filter-clipscore", filter, "X", "-1", -1, 2.5, "leave out captions of a lower CLIPScore; -1: none",
         OPTION_LOCAL),
    INT("max-picture-bytes", max_picture_bytes, "BYTES", "256M", 1, INFINITY,
        "coca-decode's: pictures of more are bad samples", OPTION_LOCAL),
};

// ---- before sockets

static int read_part(struct relabel_run *self) {
    struct relabel *job = &self->job;
    int end = 0;
    if (!self->own.part) return 0;
    if (sscanf(self->own.part, "%9d/%9d%n", &job->part, &job->parts, &end) == 2 && !self->own.part[end] &&
        job->part >= 0 && job->part < job->parts)
        return 0;
    return error(EXIT_USAGE, "--part %s: give I/N, with I from 0 to N - 1", self->own.part);
}

static int check(struct relabel_run *self) {
    static const char *const embeddings[] = {"image", "text", "image,text", "text,image"};
    bool known = !self->own.embeddings;
    if (!self->own.to) return error(EXIT_USAGE, "--to DIR says where relabelled shards go");
    for (size_t i = 0; i < sizeof embeddings / sizeof *embeddings && !known; i++)
        known = !strcmp(self->own.embeddings, embeddings[i]);
    if (!known) return error(EXIT_USAGE, "--write-embeddings %s: give image, text or image,text", self->own.embeddings);
    if (!*self->own.key || strspn(self->own.key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") !=
                               strlen(self->own.key))
        return error(EXIT_USAGE, "--key %s: give a name of letters, digits, '_', '-' and '.'", self->own.key);
    return read_part(self);
}

static int place(struct relabel_run *self) {
    struct relabel *job = &self->job;
    size_t length = strlen(self->own.to);
    while (length > 1 && self->own.to[length - 1] == '/') self->own.to[--length] = 0;
    const enum object_kind kind = object_kind_of(self->own.to);
    job->to = self->own.to;
    job->scratch = self->own.scratch;
    job->to_is_remote = kind != OBJECT_FILE;
    if (kind == OBJECT_PIPE) return error(EXIT_USAGE, "--to: shards go to a folder or a server, not to a command");
    if (job->to_is_remote && !job->parts)
        return error(EXIT_USAGE, "--to %s: on a server nobody can claim shards: give --part I/N, 0/1 for all", job->to);
    self->here = job->to_is_remote ? path_join(self->own.scratch, "to") : xstrdup(self->own.to);
    job->here = self->here;
    return directory_make(self->here);
}

static void form(struct relabel_run *self, const struct model_config *model) {
    struct output_options *o = &self->job.output;
    const char *embeddings = self->own.embeddings ? self->own.embeddings : "";
    const bool image = strstr(embeddings, "image"), text = strstr(embeddings, "text");
    o->key = self->own.key;
    o->filters = self->own.filter > -1;
    o->least_score = self->own.filter;
    o->form = (struct results_form){.captions = (int)self->decoding.num_captions,
                                    .scores = o->filters || (image && text),
                                    .image = image ? model->embed_dim : 0,
                                    .text = text ? model->embed_dim : 0};
}

// ---- what the job is

static json_t *settings_of(const struct relabel_run *self, int *status) {
    static const char *const formats[] = {"input", "tar", "jsonl"};
    const struct results_form *f = &self->job.output.form;
    json_t *settings = json_object();
    json_object_set_new(settings, "key", json_string(self->own.key));
    json_object_set_new(settings, "embeddings",
                        json_string(f->image && f->text ? "image,text"
                                    : f->image          ? "image"
                                    : f->text           ? "text"
                                                        : ""));
    json_object_set_new(settings, "filter-clipscore", json_real(self->own.filter));
    json_object_set_new(settings, "format", json_string(formats[self->own.format]));
    json_object_set_new(settings, "max-picture-bytes", json_integer(self->own.max_picture_bytes));
    json_t *decoding = options_to_json(&self->decoding_table);
    json_object_update(settings, decoding);
    json_decref(decoding);
    identity_add_numerics(settings, &self->run);
    *status = identity_add_model(settings, &self->run);
    return settings;
}

// A server's relabel.json is compared in the scratch folder, and put there by whoever is first.
static int settle_remote(const struct relabel *job, const json_t *settings, const struct strings *names,
                         const struct strings *from) {
    char *url = xformat("%s/" FOLDER_SETTINGS, job->to), *path = path_join(job->here, FOLDER_SETTINGS);
    struct object object;
    bool there;
    int status = object_look(&object, url, NULL, &there);
    if (!status && there) status = plain_fetch(url, path);
    if (!status) object_release(&object);
    if (!status) status = folder_settle(job->here, settings, names, from);
    if (!status && !there) status = object_put(url, path, NULL);
    free(url);
    free(path);
    return status;
}

static void note_settings(struct relabel_run *self, json_t *settings) {
    char line[HASH_TEXT_SIZE], *text = json_dumps(settings, JSON_SORT_KEYS);
    hash_format(line, hash_text(text, 0));
    self->settings = settings;
    self->job.settings = self->settings_line = xstrdup(line);
    free(text);
}

static int settle(void *context) {
    const struct relabel_run *self = context;
    const struct relabel *job = &self->job;
    const json_t *settings = self->settings;
    struct strings names = {0}, from = {0};
    for (size_t i = 0; i < job->shards.count; i++) {
        strings_add_text(&names, job->shards.item[i].name);
        strings_add_text(&from, job->shards.item[i].from);
    }
    int status = job->to_is_remote ? settle_remote(job, settings, &names, &from)
                                   : folder_settle(job->to, settings, &names, &from);
    strings_release(&names);
    strings_release(&from);
    return status;
}

static int prepare(void *context, const struct strings *operands) {
    static const enum shard_format formats[] = {FORMAT_LIKE_INPUT, FORMAT_TAR, FORMAT_LINES};
    struct relabel_run *self = context;
    struct model_config model;
    (void)operands;
    int status = check(self);
    if (!status) status = place(self);
    if (!status) status = shards_find(&self->job.shards, &self->own.from, formats[self->own.format]);
    if (!status) status = run_join(&self->run, &model);
    if (status) return status;
    form(self, &model);
    self->job.microbatch = (int)self->run.options.microbatch;
    self->job.batches_ahead = BATCHES_AHEAD + 8 * self->run.options.window;
    note_settings(self, settings_of(self, &status));
    return status || !folder_has(self->job.to, FOLDER_SETTINGS) ? status : settle(self);
}

// ---- the job

int relabel_settle(struct relabel *self) {
    pthread_mutex_lock(&self->settle_lock);
    int status = self->is_settled ? 0 : self->settle(self->settle_context);
    self->is_settled = !status;
    pthread_mutex_unlock(&self->settle_lock);
    return status;
}

void relabel_fail(struct relabel *self, int status) {
    pthread_mutex_lock(&self->lock);
    if (!self->status) self->status = status;
    self->stops = true;
    pthread_cond_broadcast(&self->moved);
    pthread_mutex_unlock(&self->lock);
}

bool relabel_stops(struct relabel *self) {
    pthread_mutex_lock(&self->lock);
    const bool stops = self->stops;
    pthread_mutex_unlock(&self->lock);
    return stops;
}

static int take(void *context, const struct message *message) {
    struct relabel_run *self = context;
    int status = relabel_settle(&self->job);
    return status ? status : take_captions(&self->job, message);
}

static void tell(void *context, struct buffer *detail) {
    struct relabel_run *self = context;
    struct relabel *job = &self->job;
    pthread_mutex_lock(&job->lock);
    buffer_format(detail, "%.1f captions/s, %lld of %zu shards, %lld bad",
                  (double)job->captions / (clock_seconds() - self->began + 1e-9), (long long)job->done,
                  job->shards.count, (long long)job->bad);
    pthread_mutex_unlock(&job->lock);
}

// Signals are main's.
static pthread_t begin(void *(*work)(void *relabel), struct relabel *job) {
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, work, job)) die(EXIT_RUN, "no thread can be made");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return thread;
}

static int work(struct relabel_run *self) {
    struct relabel *job = &self->job;
    struct stream stream = {.role = ROLE_TEXT, .take = take, .tell = tell, .context = self};
    int status = feeder_begin(job, self->own.list);
    if (status) return status;
    self->began = clock_seconds();
    const pthread_t feeder = begin(feeder_run, job), finisher = begin(finisher_run, job);
    status = pull_all(&self->pull, &stream, 1, "relabel", 0);
    if (!status) status = relabel_settle(job);
    if (status) relabel_fail(job, status < 0 ? status : 0);
    pthread_join(feeder, NULL);
    pthread_join(finisher, NULL);
    return job->status ? job->status : status;
}

// Bad samples of earlier starts and of other hosts too: the code is the job's.
static int64_t count_bad(const struct relabel *job) {
    int64_t bad = 0;
    for (size_t i = 0; i < job->shards.count; i++) {
        struct shard_stats stats;
        if (!folder_stats(job->here, job->shards.item[i].name, &stats)) bad += stats.bad;
    }
    return bad;
}

static int say(const struct relabel_run *self) {
    const struct relabel *job = &self->job;
    const double seconds = clock_seconds() - self->began;
    const int64_t bad = count_bad(job);
    note("%lld pictures, %lld captions in %.1f s: %.1f pictures/s, %.1f captions/s; %lld of %zu shards are done in %s",
         (long long)job->pictures, (long long)job->captions, seconds, (double)job->pictures / seconds,
         (double)job->captions / seconds, (long long)job->done, job->shards.count, job->to);
    if (job->damaged)
        error(EXIT_DATA, "%lld shards could not be read: nothing is written for them", (long long)job->damaged);
    if (bad)
        error(EXIT_DATA, "%lld samples are bad and stayed as they were: *_stats.json in %s names them", (long long)bad,
              job->to);
    return bad || job->damaged ? -EXIT_DATA : 0;
}

static int run(void *context, struct hub *hub) {
    static const char *const roles[] = {ROLE_TEXT, NULL};
    struct relabel_run *self = context;
    struct relabel *job = &self->job;
    int status = pull_open(&self->pull, &self->run, hub, "captions", self->run.options.captions, roles);
    if (!status && !job->to_is_remote) status = claims_open(&job->claims, job->to, self->own.claim_expiry);
    if (!status) status = work(self);
    return status ? status : say(self);
}

static void release(void *context) {
    struct relabel_run *self = context;
    struct relabel *job = &self->job;
    while (job->first) {
        struct work *left = job->first;
        job->first = left->next;
        work_close(&left);
    }
    claims_close(&job->claims);
    shards_release(&job->shards);
    pull_close(&self->pull);
    free(job->left);
    free(job->batch);
    free(self->here);
    free(self->settings_line);
    json_decref(self->settings);
}

int run_main(const struct command *command, int argc, char **argv) {
    struct relabel_run self = {.job = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                       .moved = PTHREAD_COND_INITIALIZER,
                                       .settle_lock = PTHREAD_MUTEX_INITIALIZER,
                                       .settle = settle,
                                       .settle_context = &self}};
    struct option_table *const tables[] = {&self.own_table, &self.decoding_table, &self.run.table, NULL};
    const struct stage stage = {.name = "coca-relabel run",
                                .role = "relabel",
                                .summary = command->summary,
                                .manual = manual,
                                .tables = tables,
                                .context = &self,
                                .prepare = prepare,
                                .run = run,
                                .close = release};
    self.own_table = OPTION_TABLE(rows, &self.own);
    self.decoding_table = decoding_options_table(&self.decoding);
    run_init(&self.run, used);
    return stage_main(&stage, argc, argv);
}
