// coca-loss --plan: asks for memory, traffic and time of a step with 1, 2, 4, … ranks, and shows them. What is
// predicted stands in plan_*.c; here are the options, which ranks are looked at, and the rates that runs that were made
// tell.
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/file.h"
#include "run/run_model.h"
#include "stage/command.h"
#include "stage/option_rows.h"
#include "train/topology.h"

static const char manual[] =
    "Predicts a step of a training run with 1, 2, 4, ... ranks of each encoder, as many as its microbatches allow, and\n"
    "with --replicas: seconds, memory of each rank, messages and bytes of each edge, and what ranks of a stage exchange,\n"
    "which is 2*(R-1)/R of their part's numbers for each of R ranks: gradients in f32 to the owners of their tensors, and\n"
    "values back in the type of --precision. Nothing of it need exist, and nothing is made.\n"
    "\n"
    "A step is played pass by pass: what a pass takes are its floating point operations at --tflops; it begins when its\n"
    "input is there; ranks that share a device share its time. So --tflops is what a device sustains, not its peak.\n"
    "Hosts are filled one after the other with --gpus-per-host ranks, the image side first; loss is beside the first text\n"
    "rank, and workers are beside those who ask them. Memory is what the stages announce, beside the program itself, as\n"
    "a CPU's backend counts.\n"
    "\n"
    "--measured RUN, which may be given again, puts beside the predictions what the run directory RUN says: a step's\n"
    "median time, messages and bytes. Options that are not given are that run's, the caption length is what its targets\n"
    "say, and without --tflops the rate is chosen with which the run of the fewest ranks comes out right, and for the\n"
    "text side its share of it by how long each side computed; without --gbps it is what ranks exchanged in the time\n"
    "that they waited for it.\n"
    "\n"
    "Exit codes: 0 done, 2 usage, 3 a run cannot be read.\n"
    "\n"
    "Example:\n"
    "  coca-loss --plan --model coca_2b --batch-size 65536 --microbatch 128 --replicas 64,64 --precision bf16 \\\n"
    "      --recompute microbatch --hosts 16 --gpus-per-host 8 --tflops 400 --gbps 400";

// Of the run's options.
static const char used[] = "model pretrained image-size batch-size microbatch replicas precision recompute transport "
                           "workers tokenize-workers window coca-caption-loss-weight coca-contrastive-loss-weight "
                           "contrastive-loss optimizer ema-decay adafactor-bf16-momentum frames gradient-sum";

struct plan {
    struct run run;
    struct {
        int64_t hosts, devices;
        double gbps, local_gbps, tflops, length;
        bool json;
        struct strings measured;
    } own;
    struct model_config config;
    struct plan_machine machine;
    struct plan_measured *measured; // [measured_count]
    int measured_count;
    struct plan_result *result; // [count]
    int count, chosen;
};

#define FIELD(member) offsetof(__typeof__(((struct plan *)0)->own), member)
static const struct option rows[] = {
    HEADING("Machines"),
    INT("hosts", hosts, "H", "1", 1, 65536, "hosts", OPTION_LOCAL),
    INT("gpus-per-host", devices, "K", "0", 0, 65536,
        "devices of each host that ranks compute on: GPUs, or sets of --threads cores; 0: one for each rank",
        OPTION_LOCAL),
    REAL("tflops", tflops, "T", "0", 0, 1e9, "that each of them sustains, in 10^12 operations a second", OPTION_LOCAL),
    REAL("gbps", gbps, "G", "0", 0, 1e9, "of each host's link, in 10^9 bits a second each way", OPTION_LOCAL),
    REAL("local-gbps", local_gbps, "G", "0", 0, 1e9, "between ranks of one host; 0: as --gbps", OPTION_LOCAL),
    HEADING("What is planned"),
    REAL("caption-length", length, "TOKENS", "0", 0, 65536,
         "of a mean caption, BOS and EOS included; 0: the model's context length", OPTION_LOCAL),
    LIST("measured", measured, "RUN", "a run directory to compare with", OPTION_LOCAL),
    FLAG("json", json, "print one JSON object", OPTION_LOCAL),
};

// ---- what is given

static int read_measured(struct plan *plan) {
    const struct strings *paths = &plan->own.measured;
    int status = 0;
    plan->measured = xcalloc(paths->count + 1, sizeof *plan->measured);
    for (size_t i = 0; i < paths->count && !status; i++)
        status = plan_measured_read(&plan->measured[plan->measured_count++], paths->item[i]);
    return status;
}

// The run that says what options do not.
static const struct plan_measured *pattern(const struct plan *plan) {
    const struct plan_measured *least = NULL;
    for (int i = 0; i < plan->measured_count; i++) {
        const struct plan_measured *one = &plan->measured[i];
        if (!least || run_replicas(&one->run, image_row.threads) < run_replicas(&least->run, image_row.threads))
            least = one;
    }
    return least;
}

static int take_over_options(struct plan *plan) {
    const struct plan_measured *from = pattern(plan);
    if (!from) return 0;
    json_t *options = options_to_json(&from->run.table);
    int status = options_from_json(&plan->run.table, options, from->path);
    json_decref(options);
    return status;
}

static int read_model(struct plan *plan) {
    const struct plan_measured *from = pattern(plan);
    if (!from || option_given(&plan->run.table, &plan->run.options.model))
        return run_model_read(&plan->run, &plan->config);
    plan->config = from->config;
    return 0;
}

static int check(const struct plan *plan) {
    const struct run_options *o = &plan->run.options;
    int status = run_check_batch(&plan->run);
    if (status) return status;
    if (o->task != TASK_NONE) return error(EXIT_USAGE, "runs with a --task are not planned: train.sh's are");
    if (o->caption_weight == 0 && o->contrastive_weight == 0)
        return error(EXIT_USAGE, "all loss weights are 0: nothing to train");
    if (plan->own.length == 1) return error(EXIT_USAGE, "--caption-length: a caption has BOS and EOS, 2 at least");
    if (plan->own.length > plan->config.text.context_length)
        return error(EXIT_USAGE, "--caption-length %g: the model's captions have %d tokens at most", plan->own.length,
                     plan->config.text.context_length);
    if (plan->own.tflops == 0 && !plan->measured_count)
        return error(EXIT_USAGE, "give --tflops T, what a device sustains, or --measured RUN, from which it is taken");
    return 0;
}

// ---- steps

// All tokens of a caption but BOS are targets.
static double length_of(const struct plan *plan, const struct plan_measured *measured) {
    if (plan->own.length > 0) return plan->own.length;
    if (!measured || measured->targets == 0) return plan->config.text.context_length;
    return measured->targets / (double)measured->run.options.batch_size + 1;
}

static struct plan_step step_of(const struct plan *plan, const struct run *run, const struct model_config *config,
                                const struct plan_measured *measured) {
    return (struct plan_step){.run = run,
                              .config = config,
                              .microbatches = run_microbatches(run),
                              .ranks = {run_replicas(run, image_row.threads), run_replicas(run, text_row.threads)},
                              .length = length_of(plan, measured)};
}

static void add(struct plan *plan, struct plan_step step, const struct plan_measured *measured) {
    plan->result = xrealloc_array(plan->result, (size_t)plan->count + 1, sizeof *plan->result);
    plan->result[plan->count++] = (struct plan_result){.step = step, .measured = measured};
}

static void add_measured(struct plan *plan) {
    for (int i = 0; i < plan->measured_count; i++) {
        const struct plan_measured *measured = &plan->measured[i];
        add(plan, step_of(plan, &measured->run, &measured->config, measured), measured);
    }
}

enum { RANKS_MOST = 256 };

static bool fits(const struct plan *plan, int R, int microbatches) {
    const int64_t devices = plan->own.hosts * plan->own.devices;
    return R <= RANKS_MOST && microbatches % R == 0 && (R == 1 || !devices || PLAN_SIDES * R <= devices);
}

// 1, 2, 4, … of both sides as far as microbatches and devices go, and what --replicas says, which is shown in full.
static void add_series(struct plan *plan) {
    const struct plan_step asked = step_of(plan, &plan->run, &plan->config, pattern(plan));
    struct plan_step step = asked;
    bool found = false;
    plan->chosen = -1;
    for (int R = 1; fits(plan, R, step.microbatches); R *= 2) {
        step.ranks[PLAN_IMAGE] = step.ranks[PLAN_TEXT] = R;
        found = R == asked.ranks[PLAN_IMAGE] && R == asked.ranks[PLAN_TEXT];
        if (found) plan->chosen = plan->count;
        add(plan, step, NULL);
    }
    if (plan->chosen >= 0) return;
    plan->chosen = plan->count;
    add(plan, asked, NULL);
}

// ---- rates

static bool exchanges(const struct plan *plan) {
    for (int i = 0; i < plan->count; i++)
        if (plan->result[i].step.ranks[PLAN_IMAGE] > 1 || plan->result[i].step.ranks[PLAN_TEXT] > 1) return true;
    return false;
}

static int set_rates(struct plan *plan) {
    struct plan_machine *machine = &plan->machine;
    *machine = (struct plan_machine){
        .hosts = (int)plan->own.hosts,
        .devices = (int)plan->own.devices,
        .tflops = plan->own.tflops,
        .ease = {1, 1},
        .gbps = plan->own.gbps > 0 ? plan->own.gbps : plan_measured_gbps(plan->measured, plan->measured_count)};
    if (machine->gbps == 0 && (exchanges(plan) || machine->hosts > 1))
        return error(EXIT_USAGE, "give --gbps G, what a host's link carries, or --measured of a run with --replicas, "
                                 "from which it is taken");
    machine->local_gbps = plan->own.local_gbps > 0 ? plan->own.local_gbps : machine->gbps;
    if (machine->tflops > 0) return 0;
    const struct plan_measured *from = pattern(plan);
    const struct plan_step step = step_of(plan, &from->run, &from->config, from);
    plan_calibrate(machine, &step, from);
    return 0;
}

// ---- the whole

static int predict(const struct plan_machine *machine, struct plan_result *result) {
    plan_traffic(machine, &result->step, &result->traffic);
    result->time = plan_time(machine, &result->step, &result->traffic);
    result->link = plan_link_bytes(machine, &result->step, &result->traffic);
    return plan_memory(&result->step, result->memory);
}

static int run(void *context, const struct strings *operands) {
    struct plan *plan = context;
    (void)operands;
    int status = read_measured(plan);
    if (!status) status = take_over_options(plan);
    if (!status) status = run_check(&plan->run);
    if (!status) status = read_model(plan);
    if (!status) status = check(plan);
    if (status) return status;
    add_series(plan);
    add_measured(plan);
    status = set_rates(plan);
    for (int i = 0; i < plan->count && !status; i++) status = predict(&plan->machine, &plan->result[i]);
    if (status) return status;
    if (plan->own.json)
        plan_show_json(&plan->machine, plan->result, plan->count);
    else
        plan_show(&plan->machine, plan->result, plan->count, plan->chosen);
    return 0;
}

int plan_main(int argc, char **argv) {
    struct plan plan = {.count = 0};
    struct option_table own = OPTION_TABLE(rows, &plan.own);
    struct option_table *const tables[] = {&own, &plan.run.table, NULL};
    const struct tool tool = {.name = "coca-loss --plan",
                              .summary = "what a step of a run would take",
                              .manual = manual,
                              .tables = tables,
                              .context = &plan,
                              .run = run};
    run_init(&plan.run, used);
    int code = tool_main(&tool, argc, argv);
    for (int i = 0; i < plan.measured_count; i++) plan_measured_release(&plan.measured[i]);
    free(plan.measured);
    free(plan.result);
    return code;
}
