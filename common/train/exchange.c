// The exchange of a part between its ranks, tensor by tensor: who sends what to whom, where it lands, and the sum over
// ranks. What moves the bytes is ranks/; what is added up before, over microbatches, is gradients.c's.
//
// Where the backend computes in host memory, or the ranks' library reaches its devices, pieces lie in the blocks
// themselves; elsewhere they go through host memory.
#include "train/exchange.h"

#include <stdlib.h>

#include "base/memory.h"
#include "optim/squares.h"

struct exchange {
    struct params *params;
    struct ranks *ranks;
    enum gradient_sum sum;
    bool direct;
    real *landing; // [R − 1, own_elements]: the others' versions of own gradients, in the order of their ranks
    char *host;    // where not direct: [(R − 1)·own_elements + elements] of f32, what lands and what leaves
    struct ranks_piece *piece;
    int pieces, capacity;
};

static int rank_of(const struct exchange *exchange) {
    return ranks_rank(exchange->ranks);
}

static int others(const struct exchange *exchange) {
    return ranks_count(exchange->ranks) - 1;
}

static size_t landing_bytes(const struct params *params, int ranks) {
    return (size_t)((ranks - 1) * params->own_elements) * sizeof(real);
}

static size_t leaving_bytes(const struct params *params) {
    return (size_t)params->elements * sizeof(real);
}

struct memory_bytes exchange_bytes(const struct params *layout, struct ops *ops, int ranks) {
    const int64_t landing = (int64_t)landing_bytes(layout, ranks), leaving = (int64_t)leaving_bytes(layout);
    struct memory_bytes bytes = {.device = landing};
    if (ranks > 1 && !ops_in_host_memory(ops)) bytes.host = landing + leaving;
    return bytes;
}

struct exchange *exchange_new(struct params *params, struct ranks *ranks, bool devices, enum gradient_sum sum) {
    struct exchange *exchange = xcalloc(1, sizeof *exchange);
    const int R = ranks_count(ranks);
    *exchange = (struct exchange){
        .params = params, .ranks = ranks, .sum = sum, .direct = devices || ops_in_host_memory(params->ops)};
    if (R > 1) exchange->landing = ops_allocate(params->ops, landing_bytes(params, R));
    if (R > 1 && !exchange->direct) exchange->host = xaligned(landing_bytes(params, R) + leaving_bytes(params));
    return exchange;
}

void exchange_free(struct exchange **exchange) {
    if (!*exchange) return;
    if ((*exchange)->landing) ops_release((*exchange)->params->ops, (*exchange)->landing);
    free((*exchange)->host);
    free((*exchange)->piece);
    free(*exchange);
    *exchange = NULL;
}

// ---- pieces

static void add_piece(struct exchange *exchange, int rank, void *bytes, size_t size) {
    if (exchange->pieces == exchange->capacity) {
        exchange->capacity = exchange->capacity ? 2 * exchange->capacity : 64;
        exchange->piece = xrealloc_array(exchange->piece, (size_t)exchange->capacity, sizeof *exchange->piece);
    }
    exchange->piece[exchange->pieces++] = (struct ranks_piece){rank, bytes, size};
}

// Of the other rank number `other`, counted without this one.
static int rank_at(const struct exchange *exchange, int other) {
    return other + (other >= rank_of(exchange));
}

static int64_t landing_at(const struct exchange *exchange, const struct param *param, int other) {
    return other * exchange->params->own_elements + param->own;
}

// Where a piece is that leaves from, or comes to, `device`: `at` elements of f32 from the start of the host's block.
static void *piece_place(const struct exchange *exchange, void *device, int64_t at) {
    return exchange->direct ? device : exchange->host + (size_t)at * sizeof(real);
}

static void *leaving(const struct exchange *exchange, void *device, const struct param *param, size_t bytes) {
    const struct params *params = exchange->params;
    void *place = piece_place(exchange, device, others(exchange) * params->own_elements + param->offset);
    if (!exchange->direct) params->ops->download(params->ops, place, device, bytes);
    return place;
}

typedef void add_pieces(struct exchange *exchange, const struct param *param, bool out);

// All that these tensors have to send and to receive, in the same order on every rank.
static int begin(struct exchange *exchange, int first, int count, add_pieces *add) {
    exchange->pieces = 0;
    for (int i = first; i < first + count; i++)
        if (!exchange->params->item[i].locked) add(exchange, &exchange->params->item[i], true);
    const int sends = exchange->pieces;
    exchange->params->ops->finish(exchange->params->ops);
    for (int i = first; i < first + count; i++)
        if (!exchange->params->item[i].locked) add(exchange, &exchange->params->item[i], false);
    return ranks_begin(exchange->ranks, exchange->piece, sends, exchange->piece + sends, exchange->pieces - sends);
}

// ---- gradients to their owners

static void add_gradient(struct exchange *exchange, const struct param *param, bool out) {
    real *gradient = exchange->params->gradient + param->offset;
    const size_t bytes = (size_t)shape_count(param->shape) * sizeof(real);
    const bool own = param->owner == rank_of(exchange);
    if (out && !own) add_piece(exchange, param->owner, leaving(exchange, gradient, param, bytes), bytes);
    for (int k = 0; !out && own && k < others(exchange); k++) {
        const int64_t at = landing_at(exchange, param, k);
        add_piece(exchange, rank_at(exchange, k), piece_place(exchange, exchange->landing + at, at), bytes);
    }
}

int exchange_gradients(struct exchange *exchange, int first, int count) {
    bool done;
    if (!others(exchange)) return 0;
    int status = begin(exchange, first, count, add_gradient);
    return status ? status : ranks_progress(exchange->ranks, &done);
}

// ---- the sum over ranks

// Own tensors that lie side by side, in the gradient and in what landed.
struct stretch {
    real *gradient, *landing;
    int64_t n;
};

// The version of one rank; of [rank, rank + count) the sum, which lies in one of theirs: in the gradient's own place
// where that is among them.
static real *sum_of(const struct exchange *exchange, const struct stretch *run, int rank, int count) {
    const struct params *params = exchange->params;
    const int self = rank_of(exchange);
    if (count == 1 && rank == self) return run->gradient;
    if (count == 1) return run->landing + (rank - (rank > self)) * params->own_elements;
    const int left = exchange->sum == GRADIENT_SUM_TREE ? count / 2 : count - 1;
    real *a = sum_of(exchange, run, rank, left), *b = sum_of(exchange, run, rank + left, count - left);
    real *to = b == run->gradient ? b : a;
    params->ops->accumulate(params->ops, to, to == a ? b : a, run->n);
    return to;
}

static int stretch_end(const struct params *params, int i) {
    while (i < params->count && params->item[i].own >= 0) i++;
    return i;
}

static void sum_own(const struct exchange *exchange) {
    const struct params *params = exchange->params;
    for (int i = 0, end; i<params->count; i = end> i ? end : i + 1) {
        end = stretch_end(params, i);
        if (end == i) continue;
        const struct param *first = &params->item[i];
        const int64_t to = end < params->count ? params->item[end].offset : params->elements;
        const struct stretch run = {params->gradient + first->offset, exchange->landing + first->own,
                                    to - first->offset};
        sum_of(exchange, &run, 0, ranks_count(exchange->ranks));
    }
}

int exchange_sum(struct exchange *exchange, struct ranks_meanwhile meanwhile) {
    const struct params *params = exchange->params;
    if (!others(exchange)) return 0;
    int status = ranks_wait(exchange->ranks, meanwhile);
    if (status) return status;
    if (!exchange->direct)
        params->ops->upload(params->ops, exchange->landing, exchange->host,
                            landing_bytes(params, ranks_count(exchange->ranks)));
    sum_own(exchange);
    return 0;
}

// ---- values to everybody

static void add_value(struct exchange *exchange, const struct param *param, bool out) {
    size_t bytes;
    void *value = params_exchanged(exchange->params, param, &bytes);
    const bool own = param->owner == rank_of(exchange);
    void *place = out && own
                      ? leaving(exchange, value, param, bytes)
                      : piece_place(exchange, value, others(exchange) * exchange->params->own_elements + param->offset);
    for (int k = 0; out && own && k < others(exchange); k++) add_piece(exchange, rank_at(exchange, k), place, bytes);
    if (!out && !own) add_piece(exchange, param->owner, place, bytes);
}

static void take_values(const struct exchange *exchange) {
    const struct params *params = exchange->params;
    for (int i = 0; i < params->count; i++) {
        const struct param *param = &params->item[i];
        size_t bytes;
        if (param->locked || param->owner == rank_of(exchange)) continue;
        void *value = params_exchanged(exchange->params, param, &bytes);
        params->ops->upload(params->ops, value,
                            piece_place(exchange, value, others(exchange) * params->own_elements + param->offset),
                            bytes);
    }
}

int exchange_values(struct exchange *exchange, struct ranks_meanwhile meanwhile) {
    if (!others(exchange)) return 0;
    int status = begin(exchange, 0, exchange->params->count, add_value);
    if (!status) status = ranks_wait(exchange->ranks, meanwhile);
    if (status) return status;
    if (!exchange->direct) take_values(exchange);
    params_values_changed(exchange->params);
    return 0;
}
