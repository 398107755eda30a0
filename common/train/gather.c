// The contrast is over the whole batch, so its gradient can only begin when all 2M messages are here: this is the one
// place of a step where everybody waits for everybody. Rows lie in the order of the samples whatever order messages
// arrive in.
#include "train/gather.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "run/run_model.h"
#include "train/orders.h"
#include "train/scalars.h"

static size_t rows_bytes(int64_t rows, int64_t E) {
    return (size_t)(rows * E) * sizeof(float);
}

static enum contrastive_kind kind_of(const struct part *part) {
    return run_contrastive_kind(part->run, &part->config);
}

struct gather *gather_new(const struct conductor *conductor, bool train) {
    static const char *const roles[GATHER_SIDES] = {[GATHER_IMAGE] = ROLE_IMAGE, [GATHER_TEXT] = ROLE_TEXT};
    const struct part *part = conductor->part;
    struct gather *gather = xcalloc(1, sizeof *gather);
    gather->G = part->run->options.batch_size;
    gather->E = part->config.embed_dim;
    for (int i = 0; i < GATHER_SIDES; i++) {
        struct gather_side *side = &gather->side[i];
        side->role = roles[i];
        side->ranks = conductor->control ? topology_ranks(conductor->topology, roles[i]) : 0;
        side->row = xaligned(rows_bytes(gather->G, gather->E));
        if (train) side->d = xaligned(rows_bytes(gather->G, gather->E));
    }
    gather->contrastive = contrastive_new(part->ops, kind_of(part), gather->G, gather->E);
    return gather;
}

void gather_free(struct gather **gather) {
    if (!*gather) return;
    for (int i = 0; i < GATHER_SIDES; i++) {
        free((*gather)->side[i].row);
        free((*gather)->side[i].d);
    }
    contrastive_free(&(*gather)->contrastive);
    free(*gather);
    *gather = NULL;
}

// On the host each row lies here and in the message that brings or takes it.
struct memory_bytes gather_bytes(const struct part *part, bool train) {
    int64_t G = part->run->options.batch_size, E = part->config.embed_dim;
    return (struct memory_bytes){.device = contrastive_bytes(kind_of(part), G, E),
                                 .host = 2 * (train ? 4 : 2) * (int64_t)rows_bytes(G, E)};
}

// The rank of a side that owns the microbatch.
static struct address owner(const struct gather_side *side, const struct step_order *order, int m) {
    return (struct address){side->role, side->ranks ? owner_of(m, order->microbatches, side->ranks) : ANY_RANK};
}

// ---- taking

// Copies the message's rows to rows `at` … of `to`.
static int file_rows(const struct gather *gather, const struct message *message, float *to, int64_t at) {
    const void *rows;
    int64_t samples = message->unit.samples;
    int status = message_tensor(message, TENSOR_EMBEDDING, DT_F32, SHAPE(samples, gather->E), &rows);
    if (!status && at + samples > gather->G)
        status =
            error(EXIT_RUN,
                  "%s %d: step %" PRId64 ", microbatch %d: %" PRId64 " samples are too many for a batch of %" PRId64,
                  message->from, message->rank, message->unit.step, message->unit.microbatch, samples, gather->G);
    if (!status) memcpy(to + at * gather->E, rows, rows_bytes(samples, gather->E));
    return status;
}

static int file_pair(const struct gather *gather, struct message *const message[GATHER_SIDES], int64_t *samples) {
    const struct message *image = message[GATHER_IMAGE], *text = message[GATHER_TEXT];
    int status = ids_compare(image, text);
    for (int i = 0; i < GATHER_SIDES && !status; i++)
        status = file_rows(gather, message[i], gather->side[i].row, *samples);
    if (!status && image->unit.samples != text->unit.samples)
        status = error(EXIT_RUN, "step %" PRId64 ", microbatch %d: %s %d has %d samples, %s %d has %d",
                       image->unit.step, image->unit.microbatch, image->from, image->rank, image->unit.samples,
                       text->from, text->rank, text->unit.samples);
    *samples += image->unit.samples;
    return status;
}

// HUB_END only without a conductor's followers, when the recording ends.
static int take_one(const struct conductor *conductor, struct address from, const struct step_order *order, int m,
                    struct message **message) {
    int status = edge_take(conductor->embeddings, wanted_data(from, order->step, m), message);
    return status == HUB_END && conductor->control ? orders_ended(from, order->step) : status;
}

static int take_pair(const struct gather *gather, const struct conductor *conductor, const struct step_order *order,
                     int m, int64_t *samples) {
    struct message *message[GATHER_SIDES] = {NULL, NULL};
    int status = 0;
    for (int i = 0; i < GATHER_SIDES && !status; i++)
        status = take_one(conductor, owner(&gather->side[i], order, m), order, m, &message[i]);
    if (!status) status = file_pair(gather, message, samples);
    for (int i = 0; i < GATHER_SIDES; i++) message_free(&message[i]);
    return status;
}

int gather_take(struct gather *gather, const struct conductor *conductor, const struct step_order *order,
                int64_t *samples) {
    int status = 0;
    *samples = 0;
    for (int m = 0; m < order->microbatches && !status; m++) status = take_pair(gather, conductor, order, m, samples);
    return status;
}

// ---- the contrast

static enum contrastive_convention convention_of(const struct part *part) {
    return (enum contrastive_convention)part->run->options.contrastive;
}

// The last batch of an evaluation may be short: it is a contrast of its own size.
struct contrastive_result gather_contrast(const struct gather *gather, const struct part *part, int64_t samples,
                                          double weight) {
    const struct gather_side *image = &gather->side[GATHER_IMAGE], *text = &gather->side[GATHER_TEXT];
    struct contrastive *contrastive = gather->contrastive;
    if (samples < gather->G) contrastive = contrastive_new(part->ops, kind_of(part), samples, gather->E);
    struct contrastive_result result = contrastive_run(contrastive, image->row, text->row, scalars_read(part), weight,
                                                       convention_of(part), image->d, text->d);
    if (contrastive != gather->contrastive) contrastive_free(&contrastive);
    return result;
}

double gather_chance(const struct gather *gather, const struct part *part) {
    return contrastive_chance(kind_of(part), convention_of(part), gather->G);
}

// ---- giving back

static int return_rows(const struct gather *gather, struct edge *edge, const struct gather_side *side,
                       const struct step_order *order, int m) {
    int64_t B = order->batch / order->microbatches;
    struct unit unit = {.step = order->step, .microbatch = m, .first = order->first + m * B, .samples = (int32_t)B};
    struct message *message = message_new(MESSAGE_DATA, unit);
    message->microbatches = order->microbatches;
    void *rows = message_add(message, TENSOR_D_EMBEDDING, DT_F32, SHAPE(B, gather->E));
    memcpy(rows, side->d + m * B * gather->E, rows_bytes(B, gather->E));
    return edge_send(edge, owner(side, order, m), &message);
}

// Text first: its backward pass ends its work of the step, while the image side still waits for d_features.
int gather_return(const struct gather *gather, const struct conductor *conductor, const struct step_order *order) {
    int status = 0;
    for (int m = 0; m < order->microbatches && !status; m++) {
        status = return_rows(gather, conductor->embeddings_grad, &gather->side[GATHER_TEXT], order, m);
        if (!status) status = return_rows(gather, conductor->embeddings_grad, &gather->side[GATHER_IMAGE], order, m);
    }
    return status;
}
