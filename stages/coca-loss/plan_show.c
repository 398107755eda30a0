// A plan for people, and for programs.
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/memory.h"
#include "plan.h"
#include "train/stages.h"

#define GIB 1073741824.0
static const char *const roles[PLAN_STAGES] = {ROLE_IMAGE, ROLE_TEXT, ROLE_LOSS};

static double gib(struct memory_bytes bytes) {
    return (double)(bytes.device + bytes.host) / GIB;
}

// ---- for people

static void show_premises(const struct plan_machine *machine, const struct plan_result *result) {
    const struct plan_step *step = &result->step;
    const struct run_options *o = &step->run->options;
    const double total = plan_work_total(step);
    printf("%s family: image half %.1f M parameters, text half %.1f M; %.4g TFLOP a sample\n",
           config_family_name(step->config), (double)result->traffic.exchange[PLAN_IMAGE].numbers / 1e6,
           (double)result->traffic.exchange[PLAN_TEXT].numbers / 1e6, total / (double)o->batch_size / 1e12);
    printf("batch %" PRId64 " in %d microbatches of %" PRId64 ", captions of %.4g tokens, %s\n", o->batch_size,
           step->microbatches, o->microbatch, step->length, o->precision == PRECISION_BF16 ? "bf16" : "fp32");
    if (machine->ease[PLAN_TEXT] != 1)
        printf("the text side sustains %.3g of the image side's rate\n", machine->ease[PLAN_TEXT]);
    printf("%d host%s", machine->hosts, machine->hosts == 1 ? "" : "s");
    if (machine->devices) printf(" of %d device%s", machine->devices, machine->devices == 1 ? "" : "s");
    printf(", %.6g TFLOP/s a device, %.6g Gbit/s a host's link, %.6g between ranks of a host\n\n", machine->tflops,
           machine->gbps, machine->local_gbps);
}

static void show_times(const struct plan_result *result, int count, int chosen) {
    printf("  image,text    step s  samples/s |  busy s: image    text | wait s: image    text contrast | exchange s: "
           "image   text values |  GiB: image    text    loss\n");
    for (int i = 0; i < count; i++) {
        const struct plan_result *r = &result[i];
        const struct plan_share *image = &r->time.side[PLAN_IMAGE], *text = &r->time.side[PLAN_TEXT];
        char ranks[32];
        snprintf(ranks, sizeof ranks, "%d,%d", r->step.ranks[PLAN_IMAGE], r->step.ranks[PLAN_TEXT]);
        printf("%c %-10s %9.4g %10.5g | %14.4g %7.3g | %13.4g %7.3g %8.3g | %17.4g %6.3g %6.3g | %11.3f %7.3f %7.3f\n",
               i == chosen ? '>' : ' ', ranks, r->time.step, (double)r->step.run->options.batch_size / r->time.step,
               image->busy, text->busy, image->waits_passes, text->waits_passes, text->waits_contrast, image->exchange,
               text->exchange, r->time.values, gib(r->memory[PLAN_OF_IMAGE]), gib(r->memory[PLAN_OF_TEXT]),
               gib(r->memory[PLAN_OF_LOSS]));
    }
}

static void show_traffic(const struct plan_result *result) {
    const struct plan_traffic *traffic = &result->traffic;
    printf("\n%d,%d: what travels in a step\n%-16s %-13s %-13s %9s %14s\n", result->step.ranks[PLAN_IMAGE],
           result->step.ranks[PLAN_TEXT], "edge", "from", "to", "messages", "bytes");
    for (int i = 0; i < traffic->edges; i++) {
        const struct plan_edge *edge = &traffic->edge[i];
        printf("%-16s %-13s %-13s %9" PRId64 " %14.0f\n", edge->name, edge->from, edge->to, edge->messages,
               edge->bytes);
    }
    for (int side = 0; side < PLAN_SIDES; side++) {
        const struct plan_exchange *e = &traffic->exchange[side];
        printf(
            "each rank of %s sends, and receives: gradients in f32 to their owners %.0f bytes, values in %s back %.0f\n",
            roles[side], e->gradients, plan_dtype(&result->step) == DT_BF16 ? "bf16" : "f32", e->values);
    }
    printf("the busiest host's link carries %.0f bytes one way\n", result->link);
}

static void show_pair(const char *what, double predicted, double measured) {
    printf("  %-40s %14.6g %14.6g", what, predicted, measured);
    if (measured > 0)
        printf(" %8.3f\n", predicted / measured);
    else
        printf(" %8s\n", "-");
}

static void show_flow(const struct plan_result *result, enum plan_stage stage) {
    const struct plan_flow *flow = &result->traffic.flow[stage], *seen = &result->measured->flow[stage];
    const double predicted[] = {flow->messages_in, flow->messages_out, flow->bytes_in, flow->bytes_out};
    const double measured[] = {seen->messages_in, seen->messages_out, seen->bytes_in, seen->bytes_out};
    static const char *const what[] = {"messages in", "messages out", "bytes in", "bytes out"};
    for (int i = 0; i < 4; i++) {
        char *name = xformat("%s, %s", roles[stage], what[i]);
        show_pair(name, predicted[i], measured[i]);
        free(name);
    }
}

static void show_exchange(const struct plan_result *result, enum plan_side side) {
    const struct plan_exchange *e = &result->traffic.exchange[side];
    char *bytes = xformat("%s, each rank to others: bytes", roles[side]),
         *messages = xformat("%s, messages", roles[side]);
    if (result->step.ranks[side] > 1) {
        show_pair(bytes, e->gradients + e->values, result->measured->exchange[side].sent);
        show_pair(messages, e->messages, result->measured->exchange[side].messages);
    }
    free(bytes);
    free(messages);
}

// What was announced has the program itself in it.
static void show_memory(const struct plan_result *result, enum plan_stage stage) {
    char *name = xformat("%s, MiB a rank announces", roles[stage]);
    show_pair(name, gib(result->memory[stage]) * 1024, result->measured->announced[stage] / (1 << 20));
    free(name);
}

static void show_measured(const struct plan_result *result) {
    const struct plan_measured *measured = result->measured;
    printf("\n%d,%d: %s, %" PRId64 " steps\n  %-40s %14s %14s %8s\n", result->step.ranks[PLAN_IMAGE],
           result->step.ranks[PLAN_TEXT], measured->path, measured->steps, "a step", "predicted", "measured", "ratio");
    show_pair("seconds", result->time.step, measured->seconds);
    for (int stage = 0; stage < PLAN_STAGES && measured->counted; stage++) show_flow(result, stage);
    for (int side = 0; side < PLAN_SIDES && measured->counted; side++) show_exchange(result, side);
    for (int stage = 0; stage < PLAN_STAGES && measured->counted; stage++) show_memory(result, stage);
}

void plan_show(const struct plan_machine *machine, const struct plan_result *result, int count, int chosen) {
    show_premises(machine, &result[chosen]);
    show_times(result, count, chosen);
    show_traffic(&result[chosen]);
    for (int i = 0; i < count; i++)
        if (result[i].measured) show_measured(&result[i]);
}

// ---- for programs

static json_t *flow_json(const struct plan_flow *flow) {
    return json_pack("{s:f, s:f, s:f, s:f}", "messages_in", flow->messages_in, "messages_out", flow->messages_out,
                     "bytes_in", flow->bytes_in, "bytes_out", flow->bytes_out);
}

static json_t *edges_json(const struct plan_traffic *traffic) {
    json_t *list = json_array();
    for (int i = 0; i < traffic->edges; i++) {
        const struct plan_edge *edge = &traffic->edge[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I, s:f}", "edge", edge->name, "from", edge->from, "to",
                                              edge->to, "messages", (json_int_t)edge->messages, "bytes", edge->bytes));
    }
    return list;
}

static json_t *side_json(const struct plan_result *result, enum plan_side side) {
    const struct plan_share *share = &result->time.side[side];
    const struct plan_exchange *exchange = &result->traffic.exchange[side];
    return json_pack("{s:i, s:I, s:f, s:f, s:f, s:f, s:f, s:f}", "ranks", result->step.ranks[side], "parameters",
                     (json_int_t)exchange->numbers, "busy", share->busy, "waits_passes", share->waits_passes,
                     "waits_contrast", share->waits_contrast, "exchange", share->exchange, "gradient_bytes",
                     exchange->gradients, "value_bytes", exchange->values);
}

static json_t *measured_json(const struct plan_measured *measured) {
    json_t *object = json_pack("{s:s, s:f, s:I}", "run", measured->path, "seconds", measured->seconds, "steps",
                               (json_int_t)measured->steps);
    for (int stage = 0; stage < PLAN_STAGES && measured->counted; stage++) {
        json_t *one = flow_json(&measured->flow[stage]);
        json_object_set_new(one, "announced", json_real(measured->announced[stage]));
        json_object_set_new(object, roles[stage], one);
    }
    for (int side = 0; side < PLAN_SIDES && measured->counted; side++)
        json_object_set_new(json_object_get(object, roles[side]), "sent_to_ranks",
                            json_real(measured->exchange[side].sent));
    return object;
}

static json_t *result_json(const struct plan_result *result) {
    json_t *object =
        json_pack("{s:f, s:f, s:f, s:f, s:o}", "seconds", result->time.step, "contrast", result->time.contrast,
                  "values", result->time.values, "link_bytes", result->link, "edges", edges_json(&result->traffic));
    for (int stage = 0; stage < PLAN_STAGES; stage++) {
        json_t *one = stage == PLAN_OF_LOSS ? json_object() : side_json(result, (enum plan_side)stage);
        json_object_set_new(one, "memory", json_integer(result->memory[stage].device + result->memory[stage].host));
        json_object_set_new(one, "traffic", flow_json(&result->traffic.flow[stage]));
        json_object_set_new(object, roles[stage], one);
    }
    if (result->measured) json_object_set_new(object, "measured", measured_json(result->measured));
    return object;
}

void plan_show_json(const struct plan_machine *machine, const struct plan_result *result, int count) {
    json_t *list = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(list, result_json(&result[i]));
    json_t *document =
        json_pack("{s:i, s:i, s:f, s:f, s:f, s:f, s:o}", "hosts", machine->hosts, "devices", machine->devices, "tflops",
                  machine->tflops, "gbps", machine->gbps, "local_gbps", machine->local_gbps, "step_tflop",
                  plan_work_total(&result[0].step) / 1e12, "plans", list);
    char *text = json_shown(document, JSON_INDENT(1));
    puts(text);
    free(text);
    json_decref(document);
}
