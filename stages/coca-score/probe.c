// coca-score probe: a linear layer on features of pictures, by CLIP's protocol or CLIP_benchmark's (the fits and the
// search are measure/linear_probe.c). It reads files, and talks to nobody but its supervisor.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "accuracies.h"
#include "commands.h"
#include "measure/linear_probe_samples.h"
#include "probe_classes.h"
#include "probe_data.h"
#include "run/results.h"
#include "stage/option_rows.h"

static const char manual[] =
    "Trains a linear layer on features (FILE.npy, f32, f64 or f16 [N,E], row n of record n, as `coca-score embed`\n"
    "writes them) to tell the classes of the records apart, and measures it on the test set.\n"
    "\n"
    "  clip            softmax regression to its minimum (L-BFGS; scikit-learn's LogisticRegression), features as they\n"
    "                  are; C from 1e-6 to 1e6\n"
    "  clip-benchmark  features of length 1, ten epochs of AdamW, batches of 64, the rate from 0.1 along a cosine;\n"
    "                  weight decay from 1e-6 to 1e2\n"
    "\n"
    "C or weight decay is searched for on the validation set: seven values over the range, then those beside the best,\n"
    "ever closer, down to its 96th part. Without one it is a share of the training set, of every class. The last fit\n"
    "has both; with --shots, what was drawn from the training set alone. The test set is only measured.\n"
    "\n"
    "Prints one JSON object in CLIP_benchmark's layout with acc1, acc5 (from 5 classes up), mean_per_class_recall and C\n"
    "or weight_decay, and under settings how it was measured. Classes are those of the training set.\n"
    "\n"
    "Example:\n"
    "  coca-score probe --train-features train.npy --train-data DIR --test-features test.npy --test-data DIR\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage, 3 bad data.";

// Of the run's options.
static const char used[] = "model pretrained seed train-data val-data";

static const char *const strengths[] = {[PROBE_CLIP] = "C", [PROBE_CLIP_BENCHMARK] = "weight_decay"};
#define PROTOCOLS "clip|clip-benchmark"

enum { TRAIN, VAL, TEST, SETS };

struct probe {
    struct run run;
    struct results_options results;
    struct {
        char *features[SETS], *test;
        int protocol;
        int64_t shots;
        double share, strength;
    } own;
    struct option_table table;
    const char *dataset[SETS]; // borrowed
    struct probe_data data[SETS];
    struct probe_classes classes;
    struct probe_set set[SETS];
    bool drawn; // the validation set is a part of the training set
    struct linear_probe layer;
    double strength;
};

#define FIELD(member) offsetof(__typeof__(((struct probe *)0)->own), member)
static const struct option rows[] = {
    TEXT("train-features", features[TRAIN], "FILE", NULL, "features of --train-data", OPTION_LOCAL),
    TEXT("val-features", features[VAL], "FILE", NULL, "features of --val-data, the validation set", OPTION_LOCAL),
    TEXT("test-features", features[TEST], "FILE", NULL, "features of --test-data", OPTION_LOCAL),
    TEXT("test-data", test, "DIR", NULL, "the test set", OPTION_LOCAL),
    CHOICE("protocol", protocol, PROTOCOLS, "clip", "how the layer is trained", OPTION_LOCAL),
    INT("shots", shots, "K", "0", 0, 1e9, "training samples of each class, drawn by --seed; 0: all", OPTION_LOCAL),
    REAL("hold-out", share, "SHARE", "0.1", 0, 0.9,
         "of the training set that is the validation set when there is no other; 0: none, then clip needs "
         "--regularisation, and clip-benchmark's weight decay is 0",
         OPTION_LOCAL),
    REAL("regularisation", strength, "STRENGTH", NULL, 0, 1e12, "C or weight decay, which then is not searched for",
         OPTION_LOCAL),
};

static bool is_given(const struct probe *probe, const void *field) {
    return option_given(&probe->table, field);
}

static int check_options(const struct probe *probe) {
    static const char *const names[] = {[TRAIN] = "train", [VAL] = "val", [TEST] = "test"};
    for (int i = 0; i < SETS; i++)
        if (!probe->own.features[i] != !probe->dataset[i] || (i != VAL && !probe->dataset[i]))
            return error(EXIT_USAGE, "give --%s-features FILE.npy and --%s-data DIR together", names[i], names[i]);
    if (probe->results.data) return error(EXIT_USAGE, "--data: a probe has --train-data and --test-data");
    if (probe->own.protocol == PROBE_CLIP && is_given(probe, &probe->own.strength) && !(probe->own.strength > 0))
        return error(EXIT_USAGE, "--regularisation %g: C is above 0", probe->own.strength);
    return 0;
}

static int read_data(struct probe *probe) {
    int status = 0;
    for (int i = 0; i < SETS && !status; i++) {
        struct probe_data *data = &probe->data[i];
        if (!probe->dataset[i]) continue;
        status = probe_data_read(data, probe->own.features[i], probe->dataset[i]);
        if (!status && data->E != probe->data[TRAIN].E)
            status = error(EXIT_DATA, "%s has rows of %" PRId64 " features, %s of %" PRId64, probe->own.features[i],
                           data->E, probe->own.features[TRAIN], probe->data[TRAIN].E);
        if (!status && probe->own.protocol == PROBE_CLIP_BENCHMARK) probe_data_normalise(data);
    }
    return status;
}

static int prepare(void *context, const struct strings *operands) {
    struct probe *probe = context;
    struct model_config model;
    const char *const datasets[] = {probe->run.options.train_data, probe->run.options.val_data, probe->own.test};
    (void)operands;
    memcpy(probe->dataset, datasets, sizeof datasets);
    int status = check_options(probe);
    if (!status) status = run_join(&probe->run, &model);
    if (!status) status = read_data(probe);
    if (!status) status = probe_classes_find(&probe->classes, &probe->data[TRAIN]);
    for (int i = 0; i < SETS && !status; i++)
        if (probe->dataset[i]) status = probe_classes_sort(&probe->classes, &probe->data[i], &probe->set[i]);
    return status;
}

static int draw_few(struct probe *probe) {
    int64_t found = 0;
    const int64_t shots = probe->own.shots;
    if (!shots) return 0;
    const int64_t lacking =
        probe_set_few(&probe->set[TRAIN], probe->classes.K, shots, (uint64_t)probe->run.options.seed, &found);
    if (lacking < 0) return 0;
    return error(EXIT_DATA, "%s: class %" PRId64 " has %" PRId64 " samples, fewer than --shots %" PRId64,
                 probe->data[TRAIN].dataset, probe->classes.number[lacking], found, shots);
}

// A strength that is given, or none for want of a validation set, needs nothing held out.
static bool searches(const struct probe *probe) {
    return !is_given(probe, &probe->own.strength) && (probe->dataset[VAL] || probe->own.share > 0);
}

static int choose_strength(struct probe *probe) {
    struct probe_set *val = &probe->set[VAL];
    double share;
    probe->strength = probe->own.strength;
    if (!searches(probe)) {
        if (probe->own.protocol == PROBE_CLIP_BENCHMARK || probe->strength > 0) return 0;
        return error(EXIT_USAGE, "--hold-out 0 leaves nothing to search C by: give --val-data or --regularisation");
    }
    if (!probe->dataset[VAL]) {
        probe_set_hold_out(&probe->set[TRAIN], val, probe->classes.K, probe->own.share,
                           (uint64_t)probe->run.options.seed);
        probe->drawn = true;
    }
    if (!val->N)
        return error(EXIT_USAGE, "one sample a class leaves nothing to hold out: give --val-data or --regularisation");
    probe->strength = linear_probe_search(&probe->layer, &probe->set[TRAIN], val, &share);
    if (stage_stopping()) return STAGE_STOP;
    note("%s %.4g has %.2f%% of %" PRId64 " validation samples right", strengths[probe->own.protocol], probe->strength,
         100 * share, val->N);
    return 0;
}

// What was held out is trained on again; another validation set too, unless few samples were asked for.
static void fit_all(struct probe *probe) {
    const bool both = probe->set[VAL].N && (probe->drawn || !probe->own.shots);
    const struct probe_set none = {0};
    struct probe_set all = probe_set_join(&probe->set[TRAIN], both ? &probe->set[VAL] : &none);
    if (!linear_probe_fit(&probe->layer, &all, probe->strength) && !stage_stopping())
        warn("the fit ended before its minimum; its accuracy may be a little off");
    probe_set_release(&all);
}

static struct accuracy judge(const struct probe *probe) {
    const struct probe_set *test = &probe->set[TEST];
    struct accuracy accuracy = accuracy_new(probe->classes.K);
    int64_t *rank = xcalloc((size_t)test->N, sizeof *rank);
    softmax_ranks(&probe->layer.shape, test->sample, test->N, probe->layer.parameters, rank);
    for (int64_t i = 0; i < test->N; i++) accuracy_add(&accuracy, test->sample[i].class, rank[i]);
    free(rank);
    return accuracy;
}

// The protocol's name, one word of PROTOCOLS.
static json_t *protocol_json(int protocol) {
    const char *word = PROTOCOLS;
    for (; protocol; protocol--) word = strchr(word, '|') + 1;
    return json_stringn(word, strcspn(word, "|"));
}

static int say(struct probe *probe, const struct accuracy *accuracy) {
    const char *name = strengths[probe->own.protocol];
    json_t *metrics, *chance;
    accuracies_json(accuracy, &metrics, &chance);
    json_object_set_new(metrics, name, json_real(probe->strength));
    probe->results.settings = json_pack("{s:o, s:I, s:I}", "protocol", protocol_json(probe->own.protocol), "shots",
                                        (json_int_t)probe->own.shots, "seed", (json_int_t)probe->run.options.seed);
    probe->results.data = xstrdup(probe->dataset[TEST]);
    note("linear probe top-1 %.2f%% of %" PRId64 " pictures, %" PRId64 " classes (guessing gives %.2f%%)",
         100 * (double)accuracy->top1 / (double)accuracy->images, accuracy->images, accuracy->C,
         100 / (double)accuracy->C);
    return results_say(&probe->run, &probe->results, "linear_probe", metrics, chance);
}

static int run(void *context, struct hub *hub) {
    struct probe *probe = context;
    (void)hub;
    stage_ready();
    int status = draw_few(probe);
    probe->layer = linear_probe_new((enum probe_protocol)probe->own.protocol, probe->data[TRAIN].E, probe->classes.K,
                                    (uint64_t)probe->run.options.seed);
    probe->layer.stop = stage_stopping;
    if (!status) status = choose_strength(probe);
    if (status) return status;
    fit_all(probe);
    if (stage_stopping()) return STAGE_STOP;
    struct accuracy accuracy = judge(probe);
    status = say(probe, &accuracy);
    accuracy_release(&accuracy);
    return status;
}

static void release(void *context) {
    struct probe *probe = context;
    linear_probe_release(&probe->layer);
    probe_classes_release(&probe->classes);
    for (int i = 0; i < SETS; i++) {
        probe_set_release(&probe->set[i]);
        probe_data_release(&probe->data[i]);
    }
}

int probe_main(const struct command *command, int argc, char **argv) {
    struct probe probe = {.strength = 0};
    struct option_table results = results_options_table(&probe.results);
    struct option_table *const tables[] = {&probe.table, &results, &probe.run.table, NULL};
    const struct stage stage = {.name = "coca-score probe",
                                .role = "score",
                                .summary = command->summary,
                                .manual = manual,
                                .tables = tables,
                                .context = &probe,
                                .prepare = prepare,
                                .run = run,
                                .close = release};
    probe.table = OPTION_TABLE(rows, &probe.own);
    results.used = "dataset results step";
    run_init(&probe.run, used);
    return stage_main(&stage, argc, argv);
}
