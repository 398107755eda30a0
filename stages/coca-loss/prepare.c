// coca-loss --prepare: everything that can be wrong with a run is found here, before a stage starts. train.sh evaluates
// what it prints, which is all that a shell knows of a run; the stages read run.json. What the run is made of is found
// in ingredients.c, the directory is run/run_directory.c's.
#include "prepare.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/count.h"
#include "base/file.h"
#include "base/json.h"
#include "base/machine.h"
#include "stage/command.h"
#include "stage/option_rows.h"

static const char manual[] =
    "Makes the run directory RUNS/NAME, or opens it to go on with --resume, and checks every option of the run. The\n"
    "stages, started next with --run-dir, read all they need from its run.json.\n"
    "\n"
    "Prints KEY=VALUE lines that a shell can eval: run_dir, run_id, first_step, resume (the checkpoint, or empty),\n"
    "val_data, val_frequency, max_restarts, for each edge that stages pull recorded_EDGE (an address, or empty where workers serve\n"
    "it), and job: a line for each kind of process, `KIND NAME COUNT EDGE...`, to be started as coca-NAME with the\n"
    "addresses of its edges.\n"
    "\n"
    "Exit codes: 0 done, 1 unwritable, 2 usage or an existing run, 3 a dataset, checkpoint or vocabulary is damaged.\n"
    "\n"
    "Example:\n"
    "  eval \"$(coca-loss --prepare --name first --train-data data/clipart/train --tokenizer en.model --steps 100)\"";

#define FIELD(member) offsetof(struct run_place, member)
static const struct option place_rows[] = {
    HEADING("Run"),
    TEXT("name", name, "NAME", NULL, "of the run", OPTION_LOCAL),
    TEXT("runs", runs, "DIR", "runs", "where runs are kept (train.sh: runs beside pipelines/)", OPTION_LOCAL),
    TEXT("resume", resume, "latest|step-N", NULL, "go on from a checkpoint of the run", OPTION_LOCAL),
    FLAG("again", again, "go on after a loss, as the same run; for coca-run, which gives the run's lock as stdin",
         OPTION_LOCAL),
};

enum { SETTINGS_BYTES = 1 << 20 };
static const struct option settings_rows[] = {
    {"settings", OPTION_TEXT, 0, "FILE", NULL, 0, 0,
     "options of a new run that are not given here, as a JSON object by their names (data/tasks/*.json)", OPTION_LOCAL},
};

// What the command line says.
struct wish {
    struct run run;
    struct run_place place;
    char *settings;
};

// Results depend on the number of threads, so it is fixed when the run is made.
static void fix_threads(struct run_options *options) {
    int cores = machine_cores();
    if (!options->threads) options->threads = xformat("%d,%d", cores, cores);
}

static void new_id(char id[WIRE_RUN]) {
    uint64_t bits = 0;
    if (getrandom(&bits, sizeof bits, 0) != sizeof bits) die(EXIT_RUN, "no random numbers for a run id");
    snprintf(id, WIRE_RUN, "%016" PRIx64, bits);
}

static int count_steps(struct run *run, const struct ingredients *found) {
    const struct run_options *o = &run->options;
    int64_t samples, whole;
    if (!count_multiply(o->epochs, found->records, &samples) || !count_add(samples, o->batch_size - 1, &whole))
        return error(EXIT_USAGE, "--epochs %" PRId64 " of %" PRId64 " records are too many", o->epochs, found->records);
    run->start.steps = o->epochs ? whole / o->batch_size : o->steps;
    if (o->epochs && !samples) return error(EXIT_USAGE, "--epochs counts the records of --train-data");
    return 0;
}

static void print_text(const char *key, const char *value) {
    printf("%s='", key);
    for (; value && *value; value++)
        if (*value == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*value);
    puts("'");
}

static void print_number(const char *key, int64_t value) {
    printf("%s=%" PRId64 "\n", key, value);
}

// "features-grad" → recorded_features_grad='…'
static void print_recorded(const struct stage_row *row, const struct run *run) {
    for (int i = 0; i < row->edge_count; i++) {
        if (row->edges[i].manner != EDGE_PULL) continue;
        char *key = xformat("recorded_%s", row->edges[i].name);
        for (char *at = key; (at = strchr(at, '-'));) *at = '_';
        print_text(key, run_address(run, row->edges[i].name));
        free(key);
    }
}

static void print(const struct run_directory *directory) {
    const struct run *run = directory->run;
    const struct run_options *o = &run->options;
    const struct topology topology = topology_of(run);
    print_text("run_dir", directory->path);
    print_text("run_id", run->start.id);
    print_number("first_step", directory->checkpoint < 0 ? 0 : directory->checkpoint);
    print_text("resume", run->start.checkpoint);
    print_text("val_data", o->val_data);
    print_number("val_frequency", o->val_frequency);
    print_number("max_restarts", o->max_restarts);
    for (int i = 0; i < topology.count; i++) print_recorded(topology.stage[i].row, run);
    job_print(&topology, run);
}

static int make(struct run_directory *directory, const struct ingredients *found) {
    struct run *run = directory->run;
    const struct run_sources sources = {found->model, found->tokenizer, found->labels,
                                        found->other_head ? &found->config.head : NULL};
    new_id(run->start.id);
    fix_threads(&run->options);
    int status = count_steps(run, found);
    if (!status) status = run_directory_compare(directory, found->versions);
    if (!status) status = run_directory_write(directory, found->versions, &sources);
    if (!status) print(directory);
    return status;
}

// A head that reads image tokens stands where the poolers do, so nothing behind those is computed.
static int check_poolers(const struct run_options *o) {
    if (o->task == TASK_NONE || tasks[o->task].reads_text) return 0;
    if (o->caption_weight == 0 && o->contrastive_weight == 0) return 0;
    return error(EXIT_USAGE,
                 "--task %s: its head takes the place of the poolers, so that there is nothing to caption or to "
                 "contrast; give --coca-caption-loss-weight 0 and --coca-contrastive-loss-weight 0",
                 tasks[o->task].name);
}

static int check_losses(const struct run *run) {
    const struct topology topology = topology_of(run);
    int status = check_poolers(&run->options);
    if (status) return status;
    if (topology_has_loss(&topology, &run->options)) return 0;
    return error(EXIT_USAGE, "all loss weights are 0: nothing to train");
}

// A dump comes at the end of its step; that it has no place is said now.
static int check_dump(const struct run *run) {
    if (!run->options.dump) return 0;
    char *file = path_join(run->options.dump, "losses.json");
    int status = directory_make(run->options.dump);
    if (!status) status = file_check_output("--dump", file);
    free(file);
    return status;
}

// A run that goes on has its options already.
static int read_settings(struct wish *wish, const struct run_directory *directory) {
    if (!wish->settings || directory->resumes) return 0;
    json_t *object = json_read(wish->settings, SETTINGS_BYTES);
    if (!object) return -EXIT_DATA;
    int status = options_from_json(&wish->run.table, object, wish->settings);
    json_decref(object);
    return status;
}

static int prepare(void *context, const struct strings *operands) {
    struct wish *wish = context;
    struct run *run = &wish->run;
    struct run_directory directory;
    struct ingredients found = {0};
    (void)operands;
    run_make_absolute(run);
    if (wish->place.again && !wish->place.resume) wish->place.resume = xstrdup("latest");
    int status = run_directory_open(&directory, run, &wish->place);
    if (!status) status = read_settings(wish, &directory);
    if (!status) status = run_check(run);
    if (!status) status = check_dump(run);
    if (!status) status = run_check_batch(run);
    if (!status) status = run_check_trained(run);
    if (!status) status = run_check_length(run);
    if (!status) status = check_losses(run);
    if (!status) status = ingredients_find(&found, &directory);
    if (!status) status = make(&directory, &found);
    ingredients_release(&found);
    run_directory_close(&directory);
    return status;
}

int prepare_main(int argc, char **argv) {
    struct wish wish = {.place = {.name = NULL}};
    struct option_table place = OPTION_TABLE(place_rows, &wish.place),
                        settings = OPTION_TABLE(settings_rows, &wish.settings);
    struct option_table *const tables[] = {&place, &settings, &wish.run.table, NULL};
    const struct tool tool = {.name = "coca-loss --prepare",
                              .summary = "makes or reopens a run directory",
                              .manual = manual,
                              .tables = tables,
                              .context = &wish,
                              .run = prepare};
    run_init(&wish.run, NULL);
    return tool_main(&tool, argc, argv);
}
