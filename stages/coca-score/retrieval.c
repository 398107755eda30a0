// coca-score retrieval: gathers the embeddings of all pictures and all captions, finds out which belong together, and
// lets measure/retrieval.c rank them. A caption's id is its picture's record, so owners are looked up by id and not by
// order: pictures and captions come from different stages, and records may have any number of captions.
#include <inttypes.h>
#include <stdlib.h>

#include "commands.h"
#include "embeddings.h"
#include "measure/retrieval.h"
#include "train/pull.h"
#include "run/results.h"
#include "train/stages.h"

static const char manual[] =
    "Finds pictures by their captions and captions by their pictures. Asks image-encode for the embeddings of\n"
    "pictures and text-decode for those of captions (`coca-tokenize --data DIR --captions-per-record all`); equal\n"
    "ids belong together.\n"
    "\n"
    "  embeddings  in   embedding f32 [B,E], ids i64 [B]; from image-encode and text-decode\n"
    "\n"
    "Prints one JSON object in CLIP_benchmark's layout, and beside the shares what guessing gives:\n"
    "image_retrieval_recall@K is the share of captions whose picture is among the K most similar pictures,\n"
    "text_retrieval_recall@K the share of pictures with one of their captions among the K most similar captions,\n"
    "K = 1, 5, 10, and median and mean of the ranks beside them (MdR, MnR of video papers: with --frames 16 a sample is\n"
    "a video, its embedding the mean of its frames'). A picture's rank is one more than the other pictures that are not less similar, so ties count\n"
    "against the right one; of a caption likewise, the picture's other captions left out. Pictures without\n"
    "captions are among what is searched and ask nothing.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage, 3 bad data, 4 peer lost.";

// Of the run's options.
static const char used[] = "model pretrained image-size batch-size microbatch window embeddings";

struct scoring {
    struct run run;
    struct results_options results;
    struct pull pull;
    struct embeddings images, texts;
};

static int prepare(void *context, const struct strings *operands) {
    struct scoring *scoring = context;
    struct model_config model;
    (void)operands;
    return run_join(&scoring->run, &model);
}

struct place {
    int64_t id, index;
};

static int compare_places(const void *a, const void *b) {
    const struct place *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

// Where each id stands, ascending; the caller frees. NULL, reported, when one stands twice.
static struct place *sort_images(const struct embeddings *images) {
    const size_t count = (size_t)images->count;
    struct place *place = xcalloc(count, sizeof *place);
    for (size_t i = 0; i < count; i++) place[i] = (struct place){images->id[i], (int64_t)i};
    qsort(place, count, sizeof *place, compare_places);
    for (size_t i = 1; i < count; i++) {
        if (place[i].id != place[i - 1].id) continue;
        error(EXIT_DATA, "picture %" PRId64 " came twice", place[i].id);
        free(place);
        return NULL;
    }
    return place;
}

// A caption whose picture did not come is an error, not a miss: then the two stages read different data.
static int find_owners(int64_t *owner, const struct embeddings *texts, const struct embeddings *images) {
    struct place *place = sort_images(images);
    if (!place) return -EXIT_DATA;
    int status = 0;
    for (int64_t t = 0; t < texts->count && !status; t++) {
        const struct place wanted = {texts->id[t], 0}, *found;
        found = bsearch(&wanted, place, (size_t)images->count, sizeof *place, compare_places);
        if (found)
            owner[t] = found->index;
        else
            status =
                error(EXIT_DATA, "caption %" PRId64 " is of picture %" PRId64 ", which did not come", t, wanted.id);
    }
    free(place);
    return status;
}

static void add_recall(json_t *shares, const char *direction, int k, double value) {
    char *name = xformat("%s_retrieval_recall@%d", direction, k);
    json_object_set_new(shares, name, json_real(value));
    free(name);
}

static void add_ranks(json_t *metrics, const char *direction, const int64_t *rank, int64_t count) {
    char *median = xformat("%s_retrieval_median_rank", direction), *mean = xformat("%s_retrieval_mean_rank", direction);
    json_object_set_new(metrics, median, json_real(rank_median(rank, count)));
    json_object_set_new(metrics, mean, json_real(rank_mean(rank, count)));
    free(median);
    free(mean);
}

static int say(const struct scoring *scoring, const struct retrieval *r, const int64_t *image_rank,
               const int64_t *text_rank) {
    static const int ks[] = {1, 5, 10};
    json_t *metrics = json_object(), *chance = json_object();
    note("%" PRId64 " pictures, %" PRId64 " captions; %" PRId64 " could not be had", r->images, r->texts,
         scoring->pull.dropped);
    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) {
        const int k = ks[i];
        const double image = recall_at(image_rank, r->texts, k), text = recall_at(text_rank, r->images, k),
                     image_chance = retrieval_chance_image(r, k), text_chance = retrieval_chance_text(r, k);
        add_recall(metrics, "image", k, image);
        add_recall(metrics, "text", k, text);
        add_recall(chance, "image", k, image_chance);
        add_recall(chance, "text", k, text_chance);
        note("recall@%-2d  text to image %6.2f%% (guessing %5.2f%%)   image to text %6.2f%% (guessing %5.2f%%)", k,
             100 * image, 100 * image_chance, 100 * text, 100 * text_chance);
    }
    add_ranks(metrics, "image", image_rank, r->texts);
    add_ranks(metrics, "text", text_rank, r->images);
    return results_say(&scoring->run, &scoring->results, "zeroshot_retrieval", metrics, chance);
}

// All pictures against all captions: both are needed whole before the first rank is known.
static int judge(const struct scoring *scoring) {
    const struct embeddings *images = &scoring->images, *texts = &scoring->texts;
    if (!images->count || !texts->count) return error(EXIT_DATA, "no pictures or no captions came");
    if (images->E != texts->E) return error(EXIT_RUN, "pictures and captions have embeddings of different widths");
    int64_t *owner = xcalloc((size_t)texts->count, sizeof *owner);
    int64_t *image_rank = xcalloc((size_t)texts->count, sizeof *image_rank);
    int64_t *text_rank = xcalloc((size_t)images->count, sizeof *text_rank);
    const struct retrieval r = {images->count, texts->count, images->E, images->row, texts->row, owner};
    int status = find_owners(owner, texts, images);
    if (!status) retrieval_ranks(&r, image_rank, text_rank);
    if (!status) status = say(scoring, &r, image_rank, text_rank);
    free(owner);
    free(image_rank);
    free(text_rank);
    return status;
}

static int run(void *context, struct hub *hub) {
    static const char *const roles[] = {ROLE_IMAGE, ROLE_TEXT, NULL};
    struct scoring *scoring = context;
    struct stream streams[] = {
        {.role = ROLE_IMAGE, .take = embeddings_add, .context = &scoring->images},
        {.role = ROLE_TEXT, .take = embeddings_add, .context = &scoring->texts},
    };
    const struct run *run = &scoring->run;
    int status = pull_open(&scoring->pull, run, hub, "embeddings", run->options.embeddings, roles);
    if (!status) status = pull_all(&scoring->pull, streams, 2, "retrieval", 0);
    if (!status) status = judge(scoring);
    return status;
}

static void release(void *context) {
    struct scoring *scoring = context;
    embeddings_release(&scoring->images);
    embeddings_release(&scoring->texts);
    pull_close(&scoring->pull);
}

int retrieval_main(const struct command *command, int argc, char **argv) {
    struct scoring scoring = {.images = {0}};
    struct option_table results = results_options_table(&scoring.results);
    struct option_table *const tables[] = {&results, &scoring.run.table, NULL};
    const struct stage stage = {.name = "coca-score retrieval",
                                .role = "score",
                                .summary = command->summary,
                                .manual = manual,
                                .tables = tables,
                                .context = &scoring,
                                .prepare = prepare,
                                .run = run,
                                .close = release};
    run_init(&scoring.run, used);
    return stage_main(&stage, argc, argv);
}
