// How a microbatch of captions lies in rows. Padding is not computed where nothing reads it.
//
// State rows: the tokens of caption b, BOS … EOS, directly followed by its CLS row (token −1, position T), so that
// causal attention over them is exact. With open_clip's own CLS mask, key j is visible where token j − 1 is not
// padding: there CLS sees the first position of padding, which is computed, and itself in a full caption only. Keys
// hidden from all queries are marked in `valid`; there are none in the paper's family, which has no padding inside
// captions. Target rows: the states of all tokens but EOS, whose state only CLS reads. Where the next token is the
// padding's, in the middle of a caption, there is no target, but later rows see the row.
//
// For a backend that keeps graphs (ops->queued), microbatches must not all have row counts of their own: filler samples
// behind the captions bring both counts to multiples of `step`. They see themselves alone, no picture, have no targets
// and no CLS that is read, so their gradients are zero.
#pragma once

#include "model/layers/spans.h"
#include "model/params/config.h"

// The index lists of a microbatch, one after the other in one block of the backend.
enum row_list {
    ROW_TOKEN,         // [states] embedded
    ROW_PLACE,         // [states] position
    ROW_CLS,           // [B] state row of CLS, of captions alone
    ROW_STATE,         // [targets] state row
    ROW_TARGET,        // [targets] the next token, −1 for none
    ROW_VALID,         // [states] bytes, not words: whether the row is seen as a key
    ROW_STATE_START,   // [samples]
    ROW_STATE_COUNT,   // [samples]
    ROW_TARGET_START,  // [samples]
    ROW_TARGET_COUNT,  // [samples]
    ROW_FEATURE_START, // [samples]
    ROW_FEATURE_COUNT, // [samples]
    ROW_LISTS
};

struct text_rows {
    int batch, T, N;                   // capacity: captions, their length, feature rows of each
    int step, fillers;                 // 1 and 0: there are no fillers
    int64_t most_states, most_targets; // rows there can be
    int32_t *host, *device;
    int64_t offset[ROW_LISTS + 1]; // of each list, and the size of all

    int B, samples;            // captions present; with fillers
    int64_t states, targets;   // rows
    int64_t captioned;         // target rows of captions, which come first
    int64_t counted;           // targets that are not −1
    bool masked;               // some row is not valid
    int state_max, target_max; // rows of one sample, upper bounds
};

// filled: with fillers.
void text_rows_init(struct text_rows *rows, const struct model_config *config, int batch, bool filled);
void text_rows_release(struct text_rows *rows);
void text_rows_plan(struct text_rows *rows, struct planner *planner);

// Checks tokens i32 [B,T], builds the lists and uploads them. 0 or -EXIT_DATA, reported with the row.
int text_rows_build(struct text_rows *rows, struct ops *ops, const struct text_config *config, const int32_t *tokens,
                    int B);
const int32_t *text_rows_list(const struct text_rows *rows, enum row_list list); // of the backend

const uint8_t *text_rows_valid(const struct text_rows *rows); // of the backend, by state row; NULL: all are

struct spans text_rows_state_spans(const struct text_rows *rows);
struct spans text_rows_target_spans(const struct text_rows *rows);
struct spans text_rows_feature_spans(const struct text_rows *rows);
