// coca-score task: judges what a head says of the samples of a dataset, by the task's own measures. Scores come with
// their samples' ids; the truth is looked up in the dataset, and the head never sees it. A sample that was seen from
// several views has as many rows of scores, one behind the other.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "accuracies.h"
#include "commands.h"
#include "dataset/store.h"
#include "measure/nlvr2.h"
#include "measure/vqa.h"
#include "measure/zero_shot.h"
#include "predictions.h"
#include "train/pull.h"
#include "run/results.h"
#include "run/run_model.h"
#include "run/samples.h"
#include "stage/option_rows.h"
#include "text/prompt.h"
#include "train/stages.h"

static const char manual[] =
    "Judges the scores of a head by what a dataset knows of its samples.\n"
    "\n"
    "  scores  in   scores f32 [B,C], ids i64 [B]; rows with one id behind each other are views of one sample, whose\n"
    "               softmax is averaged\n"
    "\n"
    "Prints one JSON object: of recognition, video and snli-ve acc1, acc5 (from 5 classes up) and\n"
    "mean_per_class_recall; of nlvr2 acc1 and consistency, the share of sentences judged rightly of all their pairs;\n"
    "of vqa the official accuracy (vqa_accuracy, in percent) with one for each answer type and question type. Shares\n"
    "but for vqa. --predictions FILE has a line for each sample, of vqa the list that its server takes.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage, 3 bad data, 4 peer lost.\n"
    "\n"
    "Example:\n"
    "  coca-score task --pretrained runs/frozen/model --data data/fashion-mnist/test --scores file:scores.rec";

// Of the run's options.
static const char used[] = "model pretrained batch-size microbatch window head-labels scores";

struct judging {
    struct run run;
    struct results_options results;
    struct {
        char *predictions;
    } own;
    struct pull pull;
    enum task_kind task;
    struct strings labels; // [C]
    struct store *store;
    struct predictions predictions;
    struct {
        double *share; // [C] of the sample at hand: sum over its views
        int64_t id, views;
    } at;
    int64_t samples;
    struct accuracy accuracy;
    struct nlvr2 nlvr2;
    struct vqa_totals vqa;
};

#define FIELD(member) offsetof(__typeof__(((struct judging *)0)->own), member)
static const struct option own_rows[] = {
    TEXT("predictions", predictions, "FILE", NULL, "what the head said of each sample", OPTION_LOCAL | OPTION_OUTPUT),
};

static int read_labels(struct judging *self, const struct model_config *model) {
    char *path = run_labels(&self->run);
    if (!path) return error(EXIT_USAGE, "--head-labels FILE is needed: the head's labels, one a line");
    int status = names_read(&self->labels, path);
    if (!status && (int)self->labels.count != model->head.classes)
        status =
            error(EXIT_USAGE, "%s has %zu labels, the head %d classes", path, self->labels.count, model->head.classes);
    free(path);
    return status;
}

static int prepare(void *context, const struct strings *operands) {
    struct judging *self = context;
    struct model_config model;
    (void)operands;
    if (!self->results.data) return error(EXIT_USAGE, "--data DIR says which samples");
    int status = run_join(&self->run, &model);
    if (!status && model.head.task == TASK_NONE)
        status = error(EXIT_USAGE, "the model has no head: pipelines/tune.sh trains one");
    if (!status) status = read_labels(self, &model);
    if (!status) status = store_open(&self->store, self->results.data);
    if (status) return status;
    self->task = model.head.task;
    self->at.share = xcalloc(self->labels.count, sizeof *self->at.share);
    self->accuracy = accuracy_new((int64_t)self->labels.count);
    return predictions_open(&self->predictions, self->task, self->own.predictions);
}

// ---- one sample

static int64_t best_of(const double *share, int64_t C) {
    int64_t best = 0;
    for (int64_t c = 1; c < C; c++)
        if (share[c] > share[best]) best = c;
    return best;
}

// The place of the class, from 1; ties, and what is not a number, count against it.
static int64_t rank_of(const double *share, int64_t C, int64_t class) {
    int64_t rank = 1;
    for (int64_t c = 0; c < C; c++) rank += c != class && !(share[c] < share[class]);
    return rank;
}

static void judge_class(struct judging *self, const struct record *record, int64_t best) {
    if (record->class < 0) return;
    accuracy_add(&self->accuracy, record->class, rank_of(self->at.share, self->accuracy.C, record->class));
    if (self->task == TASK_NLVR2) nlvr2_add(&self->nlvr2, record->id, best == record->class);
}

static void judge_answer(struct judging *self, const struct record *record, const char *answer) {
    if (!record->answer_count) return;
    const double accuracy =
        vqa_accuracy_of(record->answers, record->answer_count, (struct span){answer, strlen(answer)});
    vqa_totals_add(&self->vqa, accuracy, record->answer_type, record->question_type);
}

static int judge(struct judging *self) {
    struct record record;
    if (!self->at.views) return 0;
    int status = store_texts(self->store, self->at.id, &record);
    if (status) return status;
    const int64_t best = best_of(self->at.share, self->accuracy.C);
    const char *label = self->labels.item[best];
    self->at.views = 0;
    self->samples++;
    if (record.class >= self->accuracy.C)
        status = error(EXIT_DATA, "%s: record %" PRId64 " has class %" PRId64 ", the head tells %" PRId64 " apart",
                       self->results.data, self->at.id, record.class, self->accuracy.C);
    else if (tasks[self->task].soft)
        judge_answer(self, &record, label);
    else
        judge_class(self, &record, best);
    predictions_add(&self->predictions, record.id, label);
    record_release(&record);
    return status;
}

// ---- rows of scores

// Adds softmax(score) to the sample's shares.
static void add_view(struct judging *self, const float *score) {
    const int64_t C = self->accuracy.C;
    double most = score[0], sum = 0;
    if (!self->at.views++) memset(self->at.share, 0, (size_t)C * sizeof *self->at.share);
    for (int64_t c = 1; c < C; c++) most = fmax(most, score[c]);
    for (int64_t c = 0; c < C; c++) sum += exp(score[c] - most);
    for (int64_t c = 0; c < C; c++) self->at.share[c] += exp(score[c] - most) / sum;
}

static int take_scores(void *context, const struct message *message) {
    struct judging *self = context;
    const int64_t B = message->unit.samples, C = self->accuracy.C;
    const void *scores, *ids;
    if (!B) return 0;
    int status = message_tensor(message, TENSOR_SCORES, DT_F32, SHAPE(B, C), &scores);
    if (!status) status = message_tensor(message, TENSOR_IDS, DT_I64, SHAPE(B), &ids);
    for (int64_t i = 0; i < B && !status; i++) {
        const int64_t id = ((const int64_t *)ids)[i];
        if (self->at.views && id != self->at.id) status = judge(self);
        self->at.id = id;
        if (!status) add_view(self, (const float *)scores + i * C);
    }
    return status;
}

// ---- what comes of it

static void add_kinds(json_t *metrics, const char *key, const struct vqa_kinds *kinds) {
    json_t *object = json_object();
    for (size_t i = 0; i < kinds->names.count; i++) {
        const struct span name = vqa_kind_name(kinds, i);
        if (name.size) json_object_setn_new(object, name.bytes, name.size, json_real(vqa_percent(kinds->tally[i])));
    }
    json_object_set_new(metrics, key, object);
}

static json_t *vqa_json(const struct judging *self) {
    json_t *metrics = json_pack("{s:f, s:I}", "vqa_accuracy", vqa_percent(self->vqa.all), "questions",
                                (json_int_t)self->vqa.all.questions);
    add_kinds(metrics, "per_answer_type", &self->vqa.answer_types);
    add_kinds(metrics, "per_question_type", &self->vqa.question_types);
    note("VQA accuracy %.2f%% of %" PRId64 " questions", vqa_percent(self->vqa.all), self->vqa.all.questions);
    return metrics;
}

static json_t *classes_json(const struct judging *self, json_t **chance) {
    const struct accuracy *a = &self->accuracy;
    json_t *metrics;
    accuracies_json(a, &metrics, chance);
    note("top-1 %.2f%% of %" PRId64 " samples, %" PRId64 " classes (guessing gives %.2f%%)",
         100 * (double)a->top1 / (double)a->images, a->images, a->C, 100 / (double)a->C);
    if (self->task == TASK_NLVR2)
        json_object_set_new(metrics, "consistency", json_real(nlvr2_consistency(&self->nlvr2)));
    return metrics;
}

static int say(const struct judging *self) {
    const int64_t judged = tasks[self->task].soft ? self->vqa.all.questions : self->accuracy.images;
    json_t *chance = NULL;
    if (!self->samples) return error(EXIT_DATA, "no sample came");
    if (!judged) {
        note("%" PRId64 " samples, none of which says what is right: nothing to measure", self->samples);
        return 0;
    }
    json_t *metrics = tasks[self->task].soft ? vqa_json(self) : classes_json(self, &chance);
    return results_say(&self->run, &self->results, tasks[self->task].name, metrics, chance);
}

static int run(void *context, struct hub *hub) {
    struct judging *self = context;
    struct stream scores = {.role = ROLE_HEAD, .take = take_scores, .context = self};
    int status = pull_open(&self->pull, &self->run, hub, "scores", self->run.options.scores, NULL);
    if (!status) status = pull_all(&self->pull, &scores, 1, "scores", 0);
    if (!status) status = judge(self);
    if (!status) status = predictions_close(&self->predictions);
    return status ? status : say(self);
}

static void release(void *context) {
    struct judging *self = context;
    pull_close(&self->pull);
    predictions_close(&self->predictions);
    strings_release(&self->labels);
    store_close(&self->store);
    accuracy_release(&self->accuracy);
    nlvr2_release(&self->nlvr2);
    vqa_totals_release(&self->vqa);
    free(self->at.share);
}

int task_main(const struct command *command, int argc, char **argv) {
    struct judging self = {.store = NULL};
    struct option_table own = OPTION_TABLE(own_rows, &self.own), results = results_options_table(&self.results);
    struct option_table *const tables[] = {&own, &results, &self.run.table, NULL};
    const struct stage stage = {.name = "coca-score task",
                                .role = "score",
                                .summary = command->summary,
                                .manual = manual,
                                .tables = tables,
                                .context = &self,
                                .prepare = prepare,
                                .run = run,
                                .close = release};
    run_init(&self.run, used);
    return stage_main(&stage, argc, argv);
}
