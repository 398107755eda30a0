// coca-score zero-shot: first the prompts' embeddings, of which measure/zero_shot.c makes one direction a class, then
// the pictures', each judged as it comes: nothing of them is kept, so a test set may have any size. The right class is
// looked up in the dataset, by the sample's id; encoders never see it.
#include <inttypes.h>
#include <stdlib.h>

#include "accuracies.h"
#include "classes.h"
#include "commands.h"
#include "dataset/store.h"
#include "embeddings.h"
#include "measure/zero_shot.h"
#include "train/pull.h"
#include "run/results.h"
#include "train/stages.h"

static const char manual[] =
    "Classifies the pictures of a dataset by the most similar class. A class is the mean of its prompts' embeddings,\n"
    "each of length 1 before, the mean of length 1 after. First it asks text-decode for the embeddings of the prompts\n"
    "that `coca-score prompts` prints, then image-encode for those of the pictures, and looks up each picture's class\n"
    "in the dataset by its id.\n"
    "\n"
    "  embeddings  in   embedding f32 [B,E], ids i64 [B]; from text-decode and image-encode\n"
    "\n"
    "Prints one JSON object with acc1, acc5 (from 5 classes up) and mean_per_class_recall, as shares, in\n"
    "CLIP_benchmark's layout, and beside them what guessing gives. A class that is as similar as the right one counts\n"
    "as more similar.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage, 3 bad data, 4 peer lost.";

// Of the run's options.
static const char used[] = "model pretrained image-size batch-size microbatch window embeddings";

struct scoring {
    struct run run;
    struct results_options results;
    struct classes_options classes_said; // on the command line
    struct pull pull;
    struct classes classes;
    struct store *store;
    struct embeddings prompts;
    float *class; // [C,E]
    int64_t C, E;
    struct accuracy accuracy;
};

static int prepare(void *context, const struct strings *operands) {
    struct scoring *self = context;
    struct model_config model;
    const char *data = self->results.data;
    (void)operands;
    if (!data) return error(EXIT_USAGE, "--data DIR says which pictures");
    int status = run_join(&self->run, &model);
    if (!status) status = classes_read(&self->classes, &self->classes_said, data);
    if (!status) status = store_open(&self->store, data);
    if (!status && !store_has(self->store, "class")) status = error(EXIT_DATA, "%s: no record has a class", data);
    return status;
}

// That the prompts are those of these classes is told by their number alone; so `prompts` must be given the same
// options.
static int make_classes(struct scoring *self) {
    const int64_t expected = (int64_t)self->classes.prompts.text.count;
    self->C = (int64_t)self->classes.names.count;
    self->E = self->prompts.E;
    if (self->prompts.count != expected)
        return error(EXIT_DATA,
                     "%" PRId64 " prompts came, the %" PRId64 " classes have %" PRId64
                     "; coca-score prompts prints them, given the same options",
                     self->prompts.count, self->C, expected);
    self->class = xmalloc((size_t)(self->C * self->E) * sizeof *self->class);
    zero_shot_classes(self->class, self->prompts.row, self->classes.prompts.count, self->C, self->E);
    self->accuracy = accuracy_new(self->C);
    return 0;
}

// The class of the record with this id.
static int find_class(const struct scoring *self, int64_t id, int64_t *class) {
    struct record record;
    int status = store_texts(self->store, id, &record);
    if (status) return status;
    *class = record.class;
    record_release(&record);
    if (*class >= 0 && *class < self->C) return 0;
    return error(EXIT_DATA, "%s: record %" PRId64 " has class %" PRId64 ", there are %" PRId64 " class names (from 0)",
                 store_path(self->store), id, *class, self->C);
}

static int judge(struct scoring *self, const struct embeddings *images, int64_t row) {
    int64_t class = -1;
    int status = find_class(self, images->id[row], &class);
    if (status) return status;
    accuracy_add(&self->accuracy, class,
                 zero_shot_rank(images->row + row * self->E, self->class, self->C, self->E, class));
    return 0;
}

// Each message's embeddings are gathered and dropped again: only counts are kept.
static int take_images(void *context, const struct message *message) {
    struct scoring *self = context;
    struct embeddings images = {0};
    int status = embeddings_add(&images, message);
    if (!status && images.count && images.E != self->E)
        status = error(EXIT_RUN, "pictures and prompts have embeddings of different widths");
    for (int64_t i = 0; i < images.count && !status; i++) status = judge(self, &images, i);
    embeddings_release(&images);
    return status;
}

static int say(const struct scoring *self) {
    const struct accuracy *a = &self->accuracy;
    if (!a->images) return error(EXIT_DATA, "no picture came");
    json_t *metrics, *chance;
    accuracies_json(a, &metrics, &chance);
    note("zero-shot top-1 %.2f%% of %" PRId64 " pictures, %" PRId64 " classes (guessing gives %.2f%%); %" PRId64
         " did not decode",
         100 * (double)a->top1 / (double)a->images, a->images, a->C, 100 / (double)a->C, self->pull.dropped);
    return results_say(&self->run, &self->results, "zeroshot_classification", metrics, chance);
}

// Prompts first, to their end: a picture can only be judged when all classes are there.
static int run(void *context, struct hub *hub) {
    static const char *const roles[] = {ROLE_TEXT, ROLE_IMAGE, NULL};
    struct scoring *self = context;
    struct stream text = {.role = ROLE_TEXT, .take = embeddings_add, .context = &self->prompts};
    struct stream image = {.role = ROLE_IMAGE, .take = take_images, .context = self};
    int status = pull_open(&self->pull, &self->run, hub, "embeddings", self->run.options.embeddings, roles);
    if (!status) status = pull_all(&self->pull, &text, 1, "prompts", 0);
    if (!status) status = make_classes(self);
    if (!status) status = pull_all(&self->pull, &image, 1, "zero-shot", store_count(self->store));
    return status ? status : say(self);
}

static void release(void *context) {
    struct scoring *self = context;
    pull_close(&self->pull);
    classes_release(&self->classes);
    store_close(&self->store);
    embeddings_release(&self->prompts);
    free(self->class);
    accuracy_release(&self->accuracy);
}

int zero_shot_main(const struct command *command, int argc, char **argv) {
    struct scoring self = {.store = NULL};
    struct option_table classes = classes_options_table(&self.classes_said),
                        results = results_options_table(&self.results);
    struct option_table *const tables[] = {&classes, &results, &self.run.table, NULL};
    const struct stage stage = {.name = "coca-score zero-shot",
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
