// Operations that move or add whole rows: patches of pictures, embeddings, tokens added to or taken from other rows.
// Gradients are the transposes: what was gathered is scattered, what was added to many is summed over them. Rows are
// taken in ascending order, which is the order that other backends must keep too.
#include "ops/reference/reference.h"

// A patch embedding is a convolution whose stride is its size, so it is a matrix product once each patch is a row with
// its elements in the weight's order: channel, then y, then x. Pictures come as [y][x][channel].
void reference_patches(struct ops *ops, void *out_, const uint8_t *pixels, const float mean[3], const float std[3],
                       int64_t B, int64_t S, int64_t P) {
    (void)ops;
    real *out = out_;
    int64_t side = S / P;
    for (int64_t row = 0; row < B * side * side; row++) {
        int64_t b = row / (side * side), top = row / side % side * P, left = row % side * P;
        for (int64_t i = 0; i < 3 * P * P; i++) {
            int64_t channel = i / (P * P), y = top + i / P % P, x = left + i % P;
            double value = pixels[((b * S + y) * S + x) * 3 + channel] / 255.0;
            out[row * 3 * P * P + i] = (real)((value - mean[channel]) / std[channel]);
        }
    }
}

void reference_embedding_forward(struct ops *ops, void *out_, const void *table_, const void *cls,
                                 const void *position_, const int32_t *token, const int32_t *place, int64_t R,
                                 int64_t D) {
    (void)ops;
    real *out = out_;
    const real *table = table_, *position = position_;
    for (int64_t r = 0; r < R; r++) {
        const real *from = token[r] < 0 ? cls : table + token[r] * D;
        for (int64_t i = 0; i < D; i++) out[r * D + i] = from[i] + position[place[r] * D + i];
    }
}

static void add_row(real *to, const real *from, int64_t D) {
    for (int64_t i = 0; i < D; i++) to[i] += from[i];
}

void reference_embedding_backward(struct ops *ops, real *d_table, real *d_cls, real *d_position, const void *d_out_,
                                  const int32_t *token, const int32_t *place, int64_t R, int64_t D) {
    (void)ops;
    const real *d_out = d_out_;
    for (int64_t r = 0; r < R; r++) {
        add_row(token[r] < 0 ? d_cls : d_table + token[r] * D, d_out + r * D, D);
        add_row(d_position + place[r] * D, d_out + r * D, D);
    }
}

void reference_add_rows(struct ops *ops, void *out_, const void *in_, const void *rows_, int64_t R, int64_t N,
                        int64_t D) {
    (void)ops;
    real *out = out_;
    const real *in = in_, *rows = rows_;
    for (int64_t r = 0; r < R; r++)
        for (int64_t i = 0; i < D; i++) out[r * D + i] = (in ? in[r * D + i] : 0) + rows[r % N * D + i];
}

// row[n] was added to out[n], out[n + N], …: its gradient is the sum of theirs.
void reference_sum_rows(struct ops *ops, real *d_rows, const void *d_out_, int64_t R, int64_t N, int64_t D) {
    (void)ops;
    const real *d_out = d_out_;
    for (int64_t n = 0; n < N; n++)
        for (int64_t i = 0; i < D; i++) {
            double sum = 0;
            for (int64_t r = n; r < R; r += N) sum += d_out[r * D + i];
            d_rows[n * D + i] += (real)sum;
        }
}

void reference_gather_rows(struct ops *ops, void *out_, const void *in_, const int32_t *index, int64_t R, int64_t D) {
    (void)ops;
    real *out = out_;
    const real *in = in_;
    for (int64_t r = 0; r < R; r++)
        for (int64_t i = 0; i < D; i++) out[r * D + i] = in[index[r] * D + i];
}

void reference_scatter_add_rows(struct ops *ops, void *out_, const void *in_, const int32_t *index, int64_t R,
                                int64_t D) {
    (void)ops;
    real *out = out_;
    const real *in = in_;
    for (int64_t r = 0; r < R; r++) add_row(out + index[r] * D, in + r * D, D);
}

void reference_add(struct ops *ops, void *out_, const void *a_, const void *b_, int64_t n) {
    (void)ops;
    real *out = out_;
    const real *a = a_, *b = b_;
    for (int64_t i = 0; i < n; i++) out[i] = a[i] + b[i];
}

static bool contains(const int32_t *index, int count, int32_t c) {
    while (count > 0 && index[count - 1] != c) count--;
    return count > 0;
}

// The largest of the columns that are not among the `count` of `taken`; the first of equal ones.
static int32_t next_largest(const real *row, int64_t C, const int32_t *taken, int count) {
    int32_t best = -1;
    for (int32_t c = 0; c < C; c++)
        if (!contains(taken, count, c) && (best < 0 || row[c] > row[best])) best = c;
    return best;
}

// By k passes over the row, each blind to what the earlier ones took: plain, and the first of equal ones wins by
// itself.
void reference_largest_columns(struct ops *ops, int32_t *index, const void *x, int64_t R, int64_t C, int k) {
    (void)ops;
    for (int64_t r = 0; r < R; r++)
        for (int i = 0; i < k; i++) index[r * k + i] = next_largest((const real *)x + r * C, C, index + r * k, i);
}
