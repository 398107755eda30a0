// Logits are the largest matrix of the whole model: a microbatch of 32 captions of 64 tokens over 64,000 words would
// hold half a gigabyte in f32. So the projection to the vocabulary, the cross-entropy and both gradients go over
// CAPTION_CHUNK rows at a time. The text tower calls it between the two passes of the multimodal half; targets, and
// which rows have none, are text_rows.c's. Chunks come in order and only the last is shorter, so that sums have the
// same bits each time.
#include "model/layers/caption_head.h"

static int64_t chunk_of(int64_t rows) {
    return rows < CAPTION_CHUNK ? rows : CAPTION_CHUNK;
}

void caption_head_plan(struct caption_scratch *scratch, int64_t R, int64_t V, struct planner *planner) {
    scratch->logits = plan_rows(planner, chunk_of(R), V);
    scratch->scale = plan_reals(planner, 1);
    scratch->total = arena_take(planner->arena, sizeof *scratch->total);
}

// Rows first … first + R. Pointers are those of the first row. L = scale·Σ_r −log p_r(target), hence ∂L/∂logits =
// scale·(p − onehot). The operation writes it over the logits, and both products of the backward pass read it before
// the next chunk comes: d_in = d_logits·W, d_W += d_logitsᵀ·in. Who wants to see logits gets them before they are
// overwritten.
static void run_chunk(struct ops *ops, const struct linear *head, struct caption_scratch *scratch, void *d_in,
                      void *logits, const void *in, const int32_t *target, int64_t R) {
    linear_apply(ops, head, scratch->logits, in, NULL, R);
    if (logits) ops->download(ops, logits, scratch->logits, (size_t)(R * head->O) * dtype_size(ops->dtype));
    ops->cross_entropy(ops, scratch->total, scratch->logits, target, scratch->scale, d_in != NULL, R, head->O);
    if (d_in) linear_backward(ops, head, d_in, scratch->logits, in, R);
}

// Both numbers lie in the backend's memory: the scale, which differs from step to step, because recorded operations run
// again with the same arguments; the total because asking for it after each chunk would stall the device.
void caption_head_begin(struct ops *ops, struct caption_scratch *scratch, double scale) {
    ops->zero(ops, scratch->total, sizeof *scratch->total);
    ops->upload(ops, scratch->scale, &(real){(real)scale}, sizeof *scratch->scale);
}

void caption_head_run(struct ops *ops, const struct linear *head, struct caption_scratch *scratch, void *d_in,
                      void *logits, const void *in, const int32_t *target, int64_t R) {
    for (int64_t first = 0; first < R; first += CAPTION_CHUNK) {
        size_t before = (size_t)first * dtype_size(ops->dtype), I = (size_t)head->I, V = (size_t)head->O;
        run_chunk(ops, head, scratch, d_in ? (char *)d_in + before * I : NULL,
                  logits ? (char *)logits + before * V : NULL, (const char *)in + before * I, target + first,
                  chunk_of(R - first));
    }
}

double caption_head_total(struct ops *ops, const struct caption_scratch *scratch) {
    double total;
    ops->download(ops, &total, scratch->total, sizeof total);
    return total;
}
