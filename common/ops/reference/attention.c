// Attention by the formulas, one pair of query and key at a time; every score is computed anew where it is needed. For
// one head, with S[i][j] = scale·q[i]·k[j] over the keys j that query i sees, scale = 1/√width:
//
//     P[i][j] = exp(S[i][j] − lse[i]),  lse[i] = log Σ_j exp(S[i][j]),  out[i] = Σ_j P[i][j]·v[j]
//
// Backward, with d = ∂L/∂out: dv[j] = Σ_i P[i][j]·d[i] and dP[i][j] = d[i]·v[j]. Softmax has ∂P[j]/∂S[l] =
// P[j]·([j = l] − P[l]), so dS[i][j] = P[i][j]·(dP[i][j] − Σ_l P[i][l]·dP[i][l]), and the sum is d[i]·Σ_l P[i][l]·v[l]
// = d[i]·out[i]: one number a query, from what the forward pass has kept. At last dq[i] = scale·Σ_j dS[i][j]·k[j] and
// dk[j] = scale·Σ_i dS[i][j]·q[i]. So lse and out are all that must be kept of P.
#include <math.h>
#include <string.h>

#include "ops/reference/reference.h"

// One head of one sample: its first rows of each matrix, and which keys its queries see.
struct head {
    const struct attention_shape *shape;
    int64_t q_row, out_row, k_row; // first rows
    int q_count, k_count, h;
    double scale;
};

static struct head head_of(const struct attention_shape *shape, int b, int h) {
    return (struct head){.shape = shape,
                         .q_row = shape->q_start[b],
                         .out_row = shape->out_start ? shape->out_start[b] : shape->q_start[b],
                         .k_row = shape->k_start[b],
                         .q_count = shape->q_count[b],
                         .k_count = shape->k_count[b],
                         .h = h,
                         .scale = 1 / sqrt(shape->width)};
}

static int64_t q_at(const struct head *head, int i) {
    return (head->q_row + i) * head->shape->q_stride + head->h * head->shape->width;
}

static int64_t dq_at(const struct head *head, int i) {
    return (head->out_row + i) * head->shape->q_stride + head->h * head->shape->width;
}

static int64_t out_at(const struct head *head, int i) {
    return (head->out_row + i) * head->shape->out_stride + head->h * head->shape->width;
}

static int64_t k_at(const struct head *head, int j) {
    return (head->k_row + j) * head->shape->kv_stride + head->h * head->shape->width;
}

static int64_t lse_at(const struct head *head, int i) {
    return (head->out_row + i) * head->shape->H + head->h;
}

// Causal counts from the ends: the last query is the newest position, the last key too. With as many queries as keys
// that is the triangle j <= i. A decoder that keeps its keys has one query for k_count of them, at position k_count −
// 1; in general query i stands at position i + k_count − q_count. Queries before the first key see none.
static bool sees(const struct head *head, int i, int j) {
    if (head->shape->key_valid && !head->shape->key_valid[head->k_row + j]) return false;
    return !head->shape->causal || j <= i + head->k_count - head->q_count;
}

static double dot(const real *a, const real *b, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += (double)a[i] * b[i];
    return sum;
}

static void add_scaled(real *to, double factor, const real *from, int n) {
    for (int i = 0; i < n; i++) to[i] += (real)(factor * from[i]);
}

static double score(const struct head *head, const real *q, const real *k, int i, int j) {
    return head->scale * dot(q + q_at(head, i), k + k_at(head, j), head->shape->width);
}

// log Σ_j exp(score) over the keys that query i sees, 0 when there are none. About the largest score, so that no
// exponential overflows and one of them is 1. Where no key is seen, no weight is ever formed, and 0 serves.
static double log_denominator(const struct head *head, const real *q, const real *k, int i) {
    double largest = -INFINITY, sum = 0;
    for (int j = 0; j < head->k_count; j++)
        if (sees(head, i, j)) largest = fmax(largest, score(head, q, k, i, j));
    for (int j = 0; j < head->k_count; j++)
        if (sees(head, i, j)) sum += exp(score(head, q, k, i, j) - largest);
    return sum > 0 ? largest + log(sum) : 0;
}

static void attend(const struct head *head, real *out, real *lse, const real *q, const real *k, const real *v) {
    int width = head->shape->width;
    for (int i = 0; i < head->q_count; i++) {
        double denominator = log_denominator(head, q, k, i);
        real *row = out + out_at(head, i);
        memset(row, 0, (size_t)width * sizeof *row);
        for (int j = 0; j < head->k_count; j++)
            if (sees(head, i, j)) add_scaled(row, exp(score(head, q, k, i, j) - denominator), v + k_at(head, j), width);
        if (lse) lse[lse_at(head, i)] = (real)denominator;
    }
}

void reference_attention_forward(struct ops *ops, void *out, real *lse, const void *q, const void *k, const void *v,
                                 const struct attention_shape *shape) {
    (void)ops;
    for (int b = 0; b < shape->B; b++)
        for (int h = 0; h < shape->H; h++) {
            struct head head = head_of(shape, b, h);
            attend(&head, out, lse, q, k, v);
        }
}

struct attention_gradient {
    real *dq, *dk, *dv;
    const real *d_out, *q, *k, *v, *out, *lse;
};

// One query's part of the gradients, as above; `along` is d_out·out.
static void attend_backward(const struct head *head, const struct attention_gradient *at, int i) {
    int width = head->shape->width;
    const real *d_out = at->d_out + out_at(head, i);
    double along = dot(d_out, at->out + out_at(head, i), width);
    for (int j = 0; j < head->k_count; j++) {
        if (!sees(head, i, j)) continue;
        double p = exp(score(head, at->q, at->k, i, j) - at->lse[lse_at(head, i)]);
        double ds = head->scale * p * (dot(d_out, at->v + k_at(head, j), width) - along);
        add_scaled(at->dv + k_at(head, j), p, d_out, width);
        add_scaled(at->dq + dq_at(head, i), ds, at->k + k_at(head, j), width);
        add_scaled(at->dk + k_at(head, j), ds, at->q + q_at(head, i), width);
    }
}

// Only rows that the samples cover are written, and each is written even if no pair reaches it.
static void clear_gradient(const struct head *head, const struct attention_gradient *at) {
    size_t bytes = (size_t)head->shape->width * sizeof(real);
    for (int i = 0; i < head->q_count; i++) memset(at->dq + dq_at(head, i), 0, bytes);
    for (int j = 0; j < head->k_count; j++) {
        memset(at->dk + k_at(head, j), 0, bytes);
        memset(at->dv + k_at(head, j), 0, bytes);
    }
}

void reference_attention_backward(struct ops *ops, void *dq, void *dk, void *dv, const void *d_out, const void *q,
                                  const void *k, const void *v, const void *out, const real *lse,
                                  const struct attention_shape *shape) {
    (void)ops;
    struct attention_gradient at = {dq, dk, dv, d_out, q, k, v, out, lse};
    for (int b = 0; b < shape->B; b++)
        for (int h = 0; h < shape->H; h++) {
            struct head head = head_of(shape, b, h);
            clear_gradient(&head, &at);
            for (int i = 0; i < head.q_count; i++) attend_backward(&head, &at, i);
        }
}
