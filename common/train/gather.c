#include "train/gather.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static size_t rows_bytes(int64_t rows, int64_t E) {
    return (size_t)(rows * E) * sizeof(float);
}

struct gather *gather_new(struct ops *ops, int64_t G, int64_t E, bool train) {
    struct gather *gather = xcalloc(1, sizeof *gather);
    gather->G = G;
    gather->E = E;
    gather->image = xaligned(rows_bytes(G, E));
    gather->text = xaligned(rows_bytes(G, E));
    if (train) {
        gather->d_image = xaligned(rows_bytes(G, E));
        gather->d_text = xaligned(rows_bytes(G, E));
    }
    gather->contrastive = contrastive_new(ops, CONTRASTIVE_SOFTMAX, G, E);
    return gather;
}

void gather_free(struct gather **gather) {
    if (!*gather) return;
    free((*gather)->image);
    free((*gather)->text);
    free((*gather)->d_image);
    free((*gather)->d_text);
    contrastive_free(&(*gather)->contrastive);
    free(*gather);
    *gather = NULL;
}

// On the host each row lies here and in the message that brings or takes it.
struct memory_bytes gather_bytes(int64_t G, int64_t E, bool train) {
    return (struct memory_bytes){.device = contrastive_bytes(CONTRASTIVE_SOFTMAX, G, E),
                                 .host = 2 * (train ? 4 : 2) * (int64_t)rows_bytes(G, E)};
}

// Copies the message's rows to rows `at` … of `to`.
static int file_rows(const struct gather *gather, const struct message *message, float *to, int64_t at) {
    const void *rows;
    int64_t samples = message->unit.samples;
    int status = message_tensor(message, TENSOR_EMBEDDING, DT_F32, SHAPE(samples, gather->E), &rows);
    if (!status && at + samples > gather->G)
        status = error(EXIT_RUN,
                       "%s: step %" PRId64 ", microbatch %d: %" PRId64 " samples are too many for a batch of "
                       "%" PRId64,
                       message->from, message->unit.step, message->unit.microbatch, samples, gather->G);
    if (!status) memcpy(to + at * gather->E, rows, rows_bytes(samples, gather->E));
    return status;
}

static int file_pair(const struct gather *gather, const struct message *image, const struct message *text,
                     int64_t *samples) {
    int status = ids_compare(image, text);
    if (!status) status = file_rows(gather, image, gather->image, *samples);
    if (!status) status = file_rows(gather, text, gather->text, *samples);
    if (!status && image->unit.samples != text->unit.samples)
        status = error(EXIT_RUN, "step %" PRId64 ", microbatch %d: %s has %d samples, %s %d", image->unit.step,
                       image->unit.microbatch, image->from, image->unit.samples, text->from, text->unit.samples);
    *samples += image->unit.samples;
    return status;
}

static int take_pair(const struct gather *gather, struct edge *embeddings, int64_t step, int m, int64_t *samples) {
    static const char *const role[] = {ROLE_IMAGE, ROLE_TEXT};
    struct message *message[2] = {NULL, NULL};
    int status = 0;
    for (int i = 0; i < 2 && !status; i++)
        status = edge_take(embeddings, wanted_data((struct address){role[i], 0}, step, m), &message[i]);
    if (!status) status = file_pair(gather, message[0], message[1], samples);
    for (int i = 0; i < 2; i++)
        if (message[i]) message_free(&message[i]);
    return status;
}

int gather_take(struct gather *gather, struct edge *embeddings, const struct step_order *order, int64_t *samples) {
    int status = 0;
    *samples = 0;
    for (int m = 0; m < order->microbatches && !status; m++)
        status = take_pair(gather, embeddings, order->step, m, samples);
    return status;
}

static int return_rows(const struct gather *gather, struct edge *edge, const char *role, const float *gradient,
                       const struct step_order *order, int m) {
    int64_t B = order->batch / order->microbatches;
    struct unit unit = {.step = order->step, .microbatch = m, .first = order->first + m * B, .samples = (int32_t)B};
    struct message *message = message_new(MESSAGE_DATA, unit);
    message->microbatches = order->microbatches;
    void *rows = message_add(message, TENSOR_D_EMBEDDING, DT_F32, SHAPE(B, gather->E));
    memcpy(rows, gradient + m * B * gather->E, rows_bytes(B, gather->E));
    return edge_send(edge, (struct address){role, 0}, &message);
}

int gather_return(const struct gather *gather, struct edge *embeddings_grad, const struct step_order *order) {
    int status = 0;
    for (int m = 0; m < order->microbatches && !status; m++) {
        status = return_rows(gather, embeddings_grad, ROLE_TEXT, gather->d_text, order, m);
        if (!status) status = return_rows(gather, embeddings_grad, ROLE_IMAGE, gather->d_image, order, m);
    }
    return status;
}
