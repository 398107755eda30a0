// What travels in a step: the messages of each edge with their bytes, as the stages' counters have them, and what the
// ranks of a stage exchange. Messages are made and their headers encoded, so that nothing here repeats their layout;
// only their tensors' bytes are never there.
#include "plan.h"

#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "model/params/params.h"
#include "run/run_model.h"
#include "train/protocol.h"
#include "train/stages.h"
#include "wire/codec.h"

static const char run_id[] = "0123456789abcdef"; // as long as a run's own

// ---- one message

// Numbers of the header are as long as those of a step in the middle of a run.
static struct unit typical_unit(const struct plan_step *step) {
    const int32_t B = (int32_t)step->run->options.microbatch;
    return (struct unit){.step = 100, .microbatch = step->microbatches / 2, .first = 100 * (int64_t)B, .samples = B};
}

static struct message *data_message(const struct plan_step *step, const char *from) {
    struct message *message = message_new(MESSAGE_DATA, typical_unit(step));
    message->microbatches = step->microbatches;
    strcpy(message->from, from);
    return message;
}

// A tensor whose place is said, as long in the header as one that travels: its bytes are counted and not made.
static double add_tensor(struct message *message, const char *name, enum dtype dtype, struct shape shape) {
    message_add_shared(message, name, dtype, shape, &(struct shared_place){0});
    return (double)shape_bytes(shape, dtype);
}

// Of the header. Takes the message.
static double header_bytes(struct message *message) {
    struct buffer header = {0};
    strcpy(message->run, run_id);
    message_encode_header(message, &header);
    const double bytes = (double)header.size;
    buffer_release(&header);
    message_free(&message);
    return bytes;
}

// With one tensor, and the samples' ids where they stand with it.
static double tensor_bytes_of(const struct plan_step *step, const char *from, const char *name, enum dtype dtype,
                              struct shape shape, bool ids) {
    struct message *message = data_message(step, from);
    double bytes = ids ? add_tensor(message, TENSOR_IDS, DT_I64, SHAPE(step->run->options.microbatch)) : 0;
    bytes += add_tensor(message, name, dtype, shape);
    return bytes + header_bytes(message);
}

static double ask_bytes(const struct plan_step *step, const char *from) {
    struct message *message = message_new(MESSAGE_ASK, typical_unit(step));
    strcpy(message->from, from);
    return header_bytes(message);
}

static double told_bytes(struct message *message, const char *from) {
    strcpy(message->from, from);
    return header_bytes(message);
}

// ---- edges

static const char *const roles[PLAN_STAGES] = {ROLE_IMAGE, ROLE_TEXT, ROLE_LOSS};
enum { WORKERS = PLAN_STAGES }; // at the other end of a pulled edge

static void add_edge(struct plan_traffic *traffic, const char *name, int from, int to, const char *worker, double count,
                     double bytes) {
    if (traffic->edges == PLAN_EDGES) bug("more than %d edges", PLAN_EDGES);
    traffic->edge[traffic->edges++] = (struct plan_edge){.name = name,
                                                         .from = from == WORKERS ? worker : roles[from],
                                                         .to = to == WORKERS ? worker : roles[to],
                                                         .messages = (int64_t)count,
                                                         .bytes = count * bytes};
    if (from != WORKERS) {
        traffic->flow[from].messages_out += count;
        traffic->flow[from].bytes_out += count * bytes;
    }
    if (to != WORKERS) {
        traffic->flow[to].messages_in += count;
        traffic->flow[to].bytes_in += count * bytes;
    }
}

static void add_pulled(const struct plan_step *step, struct plan_traffic *traffic, const char *edge, int consumer,
                       double bytes) {
    const char *worker = worker_of(edge)->name;
    add_edge(traffic, "requests", consumer, WORKERS, worker, step->microbatches, ask_bytes(step, roles[consumer]));
    add_edge(traffic, edge, WORKERS, consumer, worker, step->microbatches, bytes);
}

static void add_inputs(const struct plan_step *step, struct plan_traffic *traffic) {
    const int64_t B = step->run->options.microbatch, S = step->config->vision.image_size;
    const int64_t P = run_pictures(step->run, step->config), T = step->config->text.context_length;
    const struct shape pixels = P > 1 ? SHAPE(B, P, S, S, 3) : SHAPE(B, S, S, 3);
    add_pulled(step, traffic, "images", PLAN_OF_IMAGE,
               tensor_bytes_of(step, worker_of("images")->name, TENSOR_PIXELS, DT_U8, pixels, true));
    add_pulled(step, traffic, "tokens", PLAN_OF_TEXT,
               tensor_bytes_of(step, worker_of("tokens")->name, TENSOR_TOKENS, DT_I32, SHAPE(B, T), true));
}

// On one host the bytes lie in shared memory, and a message says where.
static double feature_message(const struct plan_step *step, const char *from, const char *name, bool shared) {
    const int64_t B = step->run->options.microbatch * run_pictures(step->run, step->config);
    const struct shape shape = SHAPE(B, config_feature_tokens(step->config), step->config->decoder.width);
    const double bytes = tensor_bytes_of(step, from, name, plan_dtype(step), shape, true);
    if (!shared) return bytes;
    return bytes - (double)shape_bytes(shape, plan_dtype(step)) + (double)sizeof(struct shared_place);
}

static void add_features(const struct plan_step *step, struct plan_traffic *traffic, bool shared) {
    const double M = step->microbatches;
    if (step->run->options.caption_weight == 0) return;
    traffic->feature_bytes = feature_message(step, ROLE_IMAGE, TENSOR_FEATURES, false);
    add_edge(traffic, "features", PLAN_OF_IMAGE, PLAN_OF_TEXT, NULL, M,
             feature_message(step, ROLE_IMAGE, TENSOR_FEATURES, shared));
    add_edge(traffic, "features-grad", PLAN_OF_TEXT, PLAN_OF_IMAGE, NULL, M,
             feature_message(step, ROLE_TEXT, TENSOR_D_FEATURES, shared));
}

static void add_embeddings(const struct plan_step *step, struct plan_traffic *traffic) {
    const struct shape shape = SHAPE(step->run->options.microbatch, step->config->embed_dim);
    if (step->run->options.contrastive_weight == 0) return;
    for (int side = 0; side < PLAN_SIDES; side++)
        add_edge(traffic, "embeddings", side, PLAN_OF_LOSS, NULL, step->microbatches,
                 traffic->embedding_bytes = tensor_bytes_of(step, roles[side], TENSOR_EMBEDDING, DT_F32, shape, true));
    for (int side = 0; side < PLAN_SIDES; side++)
        add_edge(traffic, "embeddings-grad", PLAN_OF_LOSS, side, NULL, step->microbatches,
                 tensor_bytes_of(step, ROLE_LOSS, TENSOR_D_EMBEDDING, DT_F32, shape, false));
}

static double order_bytes(const struct plan_step *step) {
    const struct step_order order = {.step = 100,
                                     .first = 100 * step->run->options.batch_size,
                                     .batch = step->run->options.batch_size,
                                     .microbatches = step->microbatches,
                                     .steps = 100000};
    return told_bytes(step_pack(&order), ROLE_LOSS) + told_bytes(scale_pack(&(struct scale_order){0}, 100), ROLE_LOSS);
}

// To each rank `step` and `scale`, from each `norm`; and the caption loss of each microbatch.
static void add_control(const struct plan_step *step, struct plan_traffic *traffic) {
    const struct loss_report report = {.name = text_row.losses[0].name, .count = 1000};
    for (int side = 0; side < PLAN_SIDES; side++) {
        add_edge(traffic, "control", PLAN_OF_LOSS, side, NULL, 2 * step->ranks[side], order_bytes(step) / 2);
        add_edge(traffic, "control", side, PLAN_OF_LOSS, NULL, step->ranks[side],
                 told_bytes(norm_pack(&(struct norm_report){0}, 100, NULL), roles[side]));
    }
    if (step->run->options.caption_weight > 0)
        add_edge(traffic, "reports", PLAN_OF_TEXT, PLAN_OF_LOSS, NULL, step->microbatches,
                 told_bytes(report_pack(&report, typical_unit(step)), ROLE_TEXT));
}

// ---- between the ranks of a stage

static int64_t count_decoder(const struct params *layout) {
    int64_t count = 0;
    for (int i = 0; i < layout->count; i++)
        if (text_begins(layout->item[i].name, "text_decoder.")) count += shape_count(layout->item[i].shape);
    return count;
}

// Of R ranks each sends the gradients of what the others own, (R − 1)/R·N, and its own values to R − 1 others, as many
// again; and receives as much of both. The multimodal half's gradients are final before the unimodal half's.
static void exchange_of(const struct plan_step *step, enum plan_side side, struct plan_exchange *exchange) {
    const double R = step->ranks[side];
    struct params *layout = params_layout(step->config, side == PLAN_IMAGE ? &image_part : &text_part);
    exchange->numbers = params_count(layout);
    exchange->gradients = (R - 1) / R * (double)exchange->numbers * (double)sizeof(float);
    exchange->messages = 2 * (R - 1) / R * layout->count;
    exchange->values = (R - 1) / R * (double)exchange->numbers * (double)dtype_size(plan_dtype(step));
    if (side == PLAN_TEXT) exchange->early = (double)count_decoder(layout) / (double)exchange->numbers;
    params_free(&layout);
}

void plan_traffic(const struct plan_machine *machine, const struct plan_step *step, struct plan_traffic *traffic) {
    *traffic = (struct plan_traffic){.edges = 0};
    add_inputs(step, traffic);
    add_features(step, traffic, plan_is_local(machine, step) && step->run->options.transport == TRANSPORT_SHARED);
    add_embeddings(step, traffic);
    add_control(step, traffic);
    for (int side = 0; side < PLAN_SIDES; side++) exchange_of(step, side, &traffic->exchange[side]);
}
