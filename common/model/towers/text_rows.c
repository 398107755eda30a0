// Lays a microbatch of captions out in rows without padding, as text_rows.h describes, and checks tokens that come from
// outside on the way: a caption that is not BOS … EOS PAD … would make a model that trains and is wrong. The text tower
// builds the rows of a set, before its unimodal forward pass; all passes over the set then follow the lists.
#include "model/towers/text_rows.h"

#include <stdlib.h>

#include "base/memory.h"
#include "model/towers/towers.h"

#define FILLER 16 // rows of a filler sample at most
#define BOUND 64  // upper bounds of a sample's rows are multiples of it, as kernels' tiles are
#define STEPS 64  // at least, to the most rows: fewer cost more filler rows, more are more shapes

// Words of 4 bytes; ROW_VALID holds bytes.
static int64_t capacity(const struct text_rows *rows, enum row_list list) {
    switch (list) {
    case ROW_TOKEN:
    case ROW_PLACE: return rows->most_states;
    case ROW_STATE:
    case ROW_TARGET: return rows->most_targets;
    case ROW_VALID: return (rows->most_states + 3) / 4;
    case ROW_CLS: return rows->batch;
    default: return rows->batch + rows->fillers;
    }
}

static int64_t round_up(int64_t n, int64_t step) {
    return (n + step - 1) / step * step;
}

// The step is a power of two, as tiles of matrix products are, and as large as lets the most rows be STEPS steps: long
// captions then get few fillers, and there are a hundred shapes or so, instead of one for each microbatch.
//
// Missing targets: up to step − 1. Each of them needs a state row to read, so missing states, rounded up behind these,
// are up to 2·(step − 1). FILLER rows a sample, that many samples make them up, always all of them, some of no rows: so
// the number of samples is the same in each microbatch.
static void plan_fillers(struct text_rows *rows) {
    rows->step = FILLER;
    while (2 * rows->step * STEPS <= rows->most_states) rows->step *= 2;
    rows->fillers = (int)round_up(2 * (rows->step - 1), FILLER) / FILLER;
    rows->most_states = round_up(rows->most_states + rows->step - 1, rows->step);
    rows->most_targets = round_up(rows->most_targets, rows->step);
}

void text_rows_init(struct text_rows *rows, const struct model_config *config, int batch, bool filled) {
    rows->batch = batch;
    rows->T = config->text.context_length;
    rows->N = config_feature_tokens(config);
    rows->step = 1;
    rows->fillers = 0;
    rows->most_states = (int64_t)batch * (rows->T + 1);
    rows->most_targets = (int64_t)batch * (rows->T - 1);
    if (filled) plan_fillers(rows);
    for (int list = 0; list < ROW_LISTS; list++) rows->offset[list + 1] = rows->offset[list] + capacity(rows, list);
    rows->host = xcalloc((size_t)rows->offset[ROW_LISTS], sizeof *rows->host);
}

void text_rows_release(struct text_rows *rows) {
    free(rows->host);
}

void text_rows_plan(struct text_rows *rows, struct planner *planner) {
    rows->device = arena_take(planner->arena, (size_t)rows->offset[ROW_LISTS] * sizeof *rows->device);
}

static int check_vocabulary(const struct text_config *config, const int32_t *token, int row) {
    for (int t = 0; t < config->context_length; t++)
        if (token[t] < 0 || token[t] >= config->vocab_size)
            return error(EXIT_DATA, "tokens: row %d has token %d, outside the vocabulary of %d", row, token[t],
                         config->vocab_size);
    return 0;
}

// What only a family without padding inside captions can promise.
static int check_inside(const struct text_config *config, const int32_t *token, int length, int row) {
    for (int t = 0; t + 1 < length; t++) {
        if (token[t] == config->pad_id) return error(EXIT_DATA, "tokens: row %d has padding before EOS", row);
        if (token[t] == config->eos_id)
            return error(EXIT_DATA, "tokens: row %d has token %d behind EOS, where only padding may stand", row,
                         token[t + 1]);
    }
    return 0;
}

// The number of tokens of one caption, BOS … EOS, or -EXIT_DATA. EOS is the last that is not padding.
static int caption_length(const struct text_config *config, const int32_t *token, int row) {
    int length = config->context_length, status = check_vocabulary(config, token, row);
    if (status) return status;
    if (token[0] != config->bos_id) return error(EXIT_DATA, "tokens: row %d does not begin with BOS", row);
    while (token[length - 1] == config->pad_id) length--;
    status = config->pad_inside ? 0 : check_inside(config, token, length, row);
    if (status) return status;
    if (token[length - 1] != config->eos_id) return error(EXIT_DATA, "tokens: row %d does not end with EOS", row);
    return length;
}

static int32_t *host_list(struct text_rows *rows, enum row_list list) {
    return rows->host + rows->offset[list];
}

static void set_span(struct text_rows *rows, enum row_list start, enum row_list count, int sample, int64_t first, int n,
                     int *max) {
    host_list(rows, start)[sample] = (int32_t)first;
    host_list(rows, count)[sample] = n;
    if (n > *max) *max = n;
}

static void add_state(struct text_rows *rows, int32_t token, int32_t place, bool valid) {
    host_list(rows, ROW_TOKEN)[rows->states] = token;
    host_list(rows, ROW_PLACE)[rows->states] = place;
    ((uint8_t *)host_list(rows, ROW_VALID))[rows->states++] = valid;
    rows->masked |= !valid;
}

static void add_target(struct text_rows *rows, int64_t state, int32_t target) {
    host_list(rows, ROW_STATE)[rows->targets] = (int32_t)state;
    host_list(rows, ROW_TARGET)[rows->targets++] = target;
    rows->counted += target >= 0;
}

// CLS's mark is true; the corrected mask puts it behind the tokens' marks, at place T, open_clip's first one before
// them, so that token j − 1 decides over place j (key_mask.c). Place 0 is then always visible.
// Whether the key at a place is visible; place T is CLS's.
static bool is_valid(const struct text_config *config, const int32_t *token, int place) {
    int decides = config->correct_cls_mask ? place : place - 1;
    return decides < 0 || decides == config->context_length || token[decides] != config->pad_id;
}

// Derivation of the layout. The padded model has T + 1 places, CLS at the last. Query t sees keys 0 … t, CLS all that
// are valid and itself; no token sees CLS, and what stands at padding is read by nobody. So with the padding taken out
// and CLS moved up behind the last place that it may see, rows 0 … seen − 1, CLS are plain causal, and nothing is
// masked in the paper's family. Positions are embedded by place and not by row, so CLS keeps position T.
//
// In open_clip's family a mark hides its place from all queries, not from CLS alone, hence the `valid` list. With its
// first mask the token at length − 1, EOS, shows the place behind it, which is padding: that row must exist, as long as
// there is such a place. CLS's own place T is shown by token T − 1: only in a full caption does CLS see itself.
//
// Token t predicts token t + 1, so length − 1 rows have targets: EOS predicts nothing. Where t + 1 is padding inside
// the caption it is no target (−1), but the row stays, since later rows attend to it.
static void add_caption(struct text_rows *rows, const struct text_config *config, const int32_t *token, int length,
                        int b) {
    int64_t first = rows->states;
    // the places that CLS may see: open_clip's mask shows it the first padding too
    int seen = !config->correct_cls_mask && length < rows->T ? length + 1 : length;
    set_span(rows, ROW_STATE_START, ROW_STATE_COUNT, b, first, seen + 1, &rows->state_max);
    set_span(rows, ROW_TARGET_START, ROW_TARGET_COUNT, b, rows->targets, length - 1, &rows->target_max);
    set_span(rows, ROW_FEATURE_START, ROW_FEATURE_COUNT, b, (int64_t)b * rows->N, rows->N, &(int){0});
    host_list(rows, ROW_CLS)[b] = (int32_t)(first + seen);
    for (int t = 0; t < seen; t++) add_state(rows, token[t], t, is_valid(config, token, t));
    add_state(rows, -1, rows->T, is_valid(config, token, rows->T));
    for (int t = 0; t + 1 < length; t++)
        add_target(rows, first + t, token[t + 1] == config->pad_id ? -1 : token[t + 1]);
}

// The next FILLER of the missing rows. They embed token 0 and attend to each other, so all numbers are finite; they
// have no features, no targets and no CLS row, so their gradients are zero and add nothing to any weight.
static void add_filler(struct text_rows *rows, int64_t *states, int64_t *targets) {
    int sample = rows->samples++, n = (int)(*states < FILLER ? *states : FILLER);
    int captioned = (int)(*targets < n ? *targets : n);
    int64_t first = rows->states;
    set_span(rows, ROW_STATE_START, ROW_STATE_COUNT, sample, first, n, &rows->state_max);
    set_span(rows, ROW_TARGET_START, ROW_TARGET_COUNT, sample, rows->targets, captioned, &rows->target_max);
    set_span(rows, ROW_FEATURE_START, ROW_FEATURE_COUNT, sample, 0, 0, &(int){0});
    for (int t = 0; t < n; t++) add_state(rows, 0, t % rows->T, true);
    for (int t = 0; t < captioned; t++) add_target(rows, first + t, -1);
    *states -= n;
    *targets -= captioned;
}

// Kernels are launched by the upper bound; only multiples of BOUND keep it from being one more thing that differs.
static int bound_of(int max, int most) {
    int64_t bound = round_up(max, BOUND);
    return (int)(bound < most ? bound : most);
}

// Target rows first, since they decide how many state rows there must be.
static void fill(struct text_rows *rows) {
    int64_t targets = round_up(rows->targets, rows->step) - rows->targets;
    int64_t states = round_up(rows->states + targets, rows->step) - rows->states;
    for (int f = 0; f < rows->fillers; f++) add_filler(rows, &states, &targets);
    rows->state_max = bound_of(rows->state_max, rows->T + 1 > FILLER ? rows->T + 1 : FILLER);
    rows->target_max = bound_of(rows->target_max, rows->T > FILLER ? rows->T : FILLER);
}

static void clear(struct text_rows *rows, int B) {
    rows->B = rows->samples = B;
    rows->states = rows->targets = rows->counted = 0;
    rows->masked = false;
    rows->state_max = rows->target_max = 0;
}

int text_rows_build(struct text_rows *rows, struct ops *ops, const struct text_config *config, const int32_t *tokens,
                    int B) {
    clear(rows, B);
    for (int b = 0; b < B; b++) {
        const int32_t *token = tokens + (int64_t)b * rows->T;
        int length = caption_length(config, token, b);
        if (length < 0) return length;
        add_caption(rows, config, token, length, b);
    }
    rows->captioned = rows->targets;
    if (rows->fillers) fill(rows);
    ops->upload(ops, rows->device, rows->host, (size_t)rows->offset[ROW_LISTS] * sizeof *rows->device);
    return 0;
}

const int32_t *text_rows_list(const struct text_rows *rows, enum row_list list) {
    return rows->device + rows->offset[list];
}

const uint8_t *text_rows_valid(const struct text_rows *rows) {
    return rows->masked ? (const uint8_t *)text_rows_list(rows, ROW_VALID) : NULL;
}

static struct spans spans_of(const struct text_rows *rows, enum row_list start, enum row_list count, int max,
                             int64_t all) {
    return (struct spans){rows->device + rows->offset[start], rows->device + rows->offset[count], max, all};
}

struct spans text_rows_state_spans(const struct text_rows *rows) {
    return spans_of(rows, ROW_STATE_START, ROW_STATE_COUNT, rows->state_max, rows->states);
}

struct spans text_rows_target_spans(const struct text_rows *rows) {
    return spans_of(rows, ROW_TARGET_START, ROW_TARGET_COUNT, rows->target_max, rows->targets);
}

struct spans text_rows_feature_spans(const struct text_rows *rows) {
    return spans_of(rows, ROW_FEATURE_START, ROW_FEATURE_COUNT, rows->N, (int64_t)rows->B * rows->N);
}

int64_t text_targets(const struct model_config *config, const int32_t *tokens, int B) {
    int T = config->text.context_length;
    int64_t targets = 0;
    for (int64_t i = 0; i < (int64_t)B * T; i++) targets += i % T && tokens[i] != config->text.pad_id;
    return targets;
}
