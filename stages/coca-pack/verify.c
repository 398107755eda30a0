// coca-pack verify: is a dataset whole, and is every record fit? First the fingerprints, which tell damage by copying
// or by hand; then each record through the same judgement as when it is packed, for datasets made with --no-verify or
// by others. It changes nothing.
#include <stdlib.h>

#include "base/fail.h"
#include "base/utf8.h"
#include "commands.h"
#include "fitness.h"
#include "pipeline.h"
#include "records.h"
#include "stage/option_rows.h"
#include "stage/progress.h"

static const char manual[] =
    "Reads every record of the dataset DIR, compares with the fingerprints that dataset.json lists, decodes every\n"
    "picture and checks every text. Each record that is not fit is named on stderr.\n"
    "\n" PACK_MANUAL_EXIT;

struct verify {
    int64_t workers;
};

#define FIELD(member) offsetof(struct verify, member)
static const struct option rows[] = {
    INT("workers", workers, "THREADS", "0", 0, 1024, "decoding at a time; 0: as many as there are cores", 0),
};

struct verification {
    struct pipeline *pipeline;
    struct progress *progress;
    const char *path;
    struct buffer memory; // of the record that is read
    int64_t unfit;
};

// The record goes as it is stored through the judgement of an importer's sample: there is one, and to it a record that
// cannot be decoded is one more that is not fit.
static int submit(struct verification *verification, struct store *store, int64_t index) {
    struct span value;
    int status = store_get(store, index, &verification->memory, &value);
    if (status) return status;
    struct job *job = pipeline_next(verification->pipeline);
    if (!job) return pipeline_drain(verification->pipeline);
    job_fill_encoded(job, index, value);
    pipeline_put(verification->pipeline);
    return 0;
}

// What pack would leave out, or leave a text out of, is not fit; the first reason stands for all. pack escapes ids that
// are not UTF-8, so only datasets of others have them.
static const char *defect_of(const struct job *job) {
    const struct span *id = &job->record.id;
    if (job->drop) return drop_words(job->drop);
    if (job->text_drops) return drop_words(job->text_drop[0].drop);
    return utf8_valid(id->bytes, id->size) ? NULL : "id is not UTF-8";
}

static int judge(struct job *job, void *context) {
    struct verification *verification = context;
    const char *defect = defect_of(job);
    progress_set(verification->progress, job->number + 1, NULL);
    if (!defect) return 0;
    verification->unfit++;
    warn("%s: record %lld: %s%s%s", verification->path, (long long)job->number, defect, job->detail.size ? ": " : "",
         job->detail.size ? job->detail.bytes : "");
    return 0;
}

static int verify_store(const struct verify *verify, struct store *store) {
    const struct fitness fitness = {.verify = true};
    struct verification verification = {.path = store_path(store)};
    const struct pipeline_calls calls = {fit, &fitness, judge, &verification};
    verification.progress = progress_new("verifying", store_count(store), "records");
    verification.pipeline = pipeline_new((int)verify->workers, calls);
    int status = store_verify(store);
    for (int64_t i = 0; i < store_count(store) && !status; i++) status = submit(&verification, store, i);
    if (!status) status = pipeline_drain(verification.pipeline);
    pipeline_free(&verification.pipeline);
    progress_done(&verification.progress);
    buffer_release(&verification.memory);
    if (status) return status;
    if (verification.unfit)
        return error(EXIT_DATA, "%s: %lld of %lld records are not fit; pack the data again to leave them out",
                     store_path(store), (long long)verification.unfit, (long long)store_count(store));
    note("%s: %lld records, all fit", store_path(store), (long long)store_count(store));
    return 0;
}

static int run(void *context, const struct strings *operands) {
    struct store *store;
    int status = records_open(&store, operands);
    if (!status) status = verify_store(context, store);
    store_close(&store);
    return status;
}

int verify_main(const struct command *command, int argc, char **argv) {
    struct verify verify = {.workers = 0};
    struct option_table own = OPTION_TABLE(rows, &verify);
    struct option_table *const tables[] = {&own, NULL};
    const struct tool tool = {.name = "coca-pack verify",
                              .summary = command->summary,
                              .manual = manual,
                              .tables = tables,
                              .operands = "DIR",
                              .context = &verify,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
