// coca-score clip-score: the embeddings of all pictures, of the captions that were made of them and of the true ones,
// as `coca-score captions --clip-texts` lists them. Which belong together is told by the dataset, in whose order both
// come.
#include <inttypes.h>
#include <stdlib.h>

#include "clip_texts.h"
#include "commands.h"
#include "embeddings.h"
#include "measure/clip_score.h"
#include "train/pull.h"
#include "run/decoding_options.h"
#include "run/results.h"
#include "train/stages.h"

static const char manual[] =
    "Judges captions by the embeddings of a model: CLIPScore is 2.5·max(cos(caption, picture), 0), RefCLIPScore its\n"
    "harmonic mean with max(cos(caption, reference), 0) of the best reference, both as means over the pictures that\n"
    "have captions in the dataset. Texts begin with \"A photo depicts \". The numbers are of the model whose embeddings\n"
    "they are, which the result names: they are not to be compared with those of another model's.\n"
    "\n"
    "  embeddings  in   embedding f32 [B,E], ids i64 [B]; from image-encode and text-decode\n"
    "\n"
    "Pictures are those of --data, texts the list that `coca-score captions --metrics --clip-texts FILE` writes. Prints\n"
    "one JSON object in CLIP_benchmark's layout, with the decoding options, as they are given, in `settings`, and the\n"
    "model in `settings.embeddings`.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage, 3 bad data, 4 peer lost.";

// Of the run's options.
static const char used[] = "model pretrained batch-size microbatch window embeddings";

struct judging {
    struct run run;
    struct results_options results;
    struct decoding_options decoding;
    struct option_table decoding_table;
    struct store *store;
    struct pull pull;
    struct embeddings images, texts;
    int64_t text;     // of the texts, the next
    int64_t pictures; // judged
    struct clip_scores sum;
};

static int prepare(void *context, const struct strings *operands) {
    struct judging *self = context;
    struct model_config model;
    (void)operands;
    if (!self->results.data) return error(EXIT_USAGE, "--data DIR says what is judged");
    int status = run_join(&self->run, &model);
    return status ? status : store_open(&self->store, self->results.data);
}

static int judge_picture(struct judging *self, int64_t picture) {
    const int64_t E = self->images.E;
    struct record record;
    int status = store_texts(self->store, picture, &record);
    if (status) return status;
    const int64_t count = clip_texts_of(&record);
    record_release(&record);
    if (!count) return 0;
    if (self->text + count > self->texts.count)
        return error(EXIT_DATA, "%s: picture %" PRId64 " has captions that did not come", self->results.data, picture);
    const float *caption = self->texts.row + self->text * E;
    const struct clip_scores scores = clip_scores(self->images.row + picture * E, caption, caption + E, count - 1, E);
    self->sum.image += scores.image;
    self->sum.reference += scores.reference;
    self->text += count;
    self->pictures++;
    return 0;
}

// What came is what the dataset has, one by one.
static int judge_all(struct judging *self) {
    const int64_t pictures = store_count(self->store);
    if (self->images.count != pictures || self->images.E != self->texts.E)
        return error(EXIT_DATA,
                     "%s: has %" PRId64 " pictures, but %" PRId64 " came, of width %" PRId64
                     " beside texts of width %" PRId64,
                     self->results.data, pictures, self->images.count, self->images.E, self->texts.E);
    int status = 0;
    for (int64_t i = 0; i < pictures && !status; i++) status = judge_picture(self, i);
    if (status) return status;
    if (self->text != self->texts.count || !self->pictures)
        return error(EXIT_DATA, "%s: %" PRId64 " texts came of pictures that have %" PRId64, self->results.data,
                     self->texts.count, self->text);
    return 0;
}

// Readers of results take every metric for a number, so whose they are stands among the settings.
static int say(struct judging *self) {
    const struct run_options *o = &self->run.options;
    const double image = self->sum.image / (double)self->pictures;
    const double reference = self->sum.reference / (double)self->pictures;
    self->results.settings = options_to_json(&self->decoding_table);
    json_object_set_new(self->results.settings, "seed", json_integer(o->seed));
    json_object_set_new(self->results.settings, "embeddings", json_string(o->pretrained ? o->pretrained : o->model));
    note("%" PRId64 " pictures: CLIPScore %.3f, RefCLIPScore %.3f by this model's own embeddings", self->pictures,
         image, reference);
    return results_say(&self->run, &self->results, "captioning",
                       json_pack("{s:f, s:f}", "CLIPScore", image, "RefCLIPScore", reference), NULL);
}

static int run(void *context, struct hub *hub) {
    static const char *const roles[] = {ROLE_IMAGE, ROLE_TEXT, NULL};
    struct judging *self = context;
    struct stream streams[] = {
        {.role = ROLE_IMAGE, .take = embeddings_add, .context = &self->images},
        {.role = ROLE_TEXT, .take = embeddings_add, .context = &self->texts},
    };
    int status = pull_open(&self->pull, &self->run, hub, "embeddings", self->run.options.embeddings, roles);
    if (!status) status = pull_all(&self->pull, streams, 2, "clip-score", 0);
    if (!status) status = judge_all(self);
    if (!status) status = say(self);
    if (status || !self->pull.dropped) return status;
    return error(EXIT_DATA, "%" PRId64 " pictures or texts could not be had: their embeddings mean nothing",
                 self->pull.dropped);
}

static void release(void *context) {
    struct judging *self = context;
    store_close(&self->store);
    embeddings_release(&self->images);
    embeddings_release(&self->texts);
    pull_close(&self->pull);
}

int clip_score_main(const struct command *command, int argc, char **argv) {
    struct judging self = {.store = NULL};
    struct option_table results = results_options_table(&self.results);
    struct option_table *const tables[] = {&results, &self.decoding_table, &self.run.table, NULL};
    const struct stage stage = {.name = "coca-score clip-score",
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
