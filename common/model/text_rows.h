// How a microbatch of captions lies in rows. Padding is never computed.
//
// State rows: the valid tokens of caption b, BOS … EOS, directly followed by its CLS row (token −1, position T), so
// that plain causal attention over them is exact. Caption rows: the states that have a target, which are all tokens but
// EOS. Both are filled up to a multiple of ROW_QUANTUM by one more sample of padding tokens, so that linear maps meet
// few different shapes. Nobody reads the filler and it has no targets: its gradients are exactly zero.
#pragma once

#include "model/config.h"
#include "model/spans.h"

#define ROW_QUANTUM 32

// The index lists of a microbatch, one after the other in one block of the backend.
enum row_list {
    ROW_TOKEN,         // [states] embedded
    ROW_PLACE,         // [states] position
    ROW_CLS,           // [B] state row of CLS
    ROW_STATE,         // [captions] state row
    ROW_TARGET,        // [captions] next token, or −1
    ROW_STATE_START,   // [B+1]
    ROW_STATE_COUNT,   // [B+1]
    ROW_CAPTION_START, // [B+1]
    ROW_CAPTION_COUNT, // [B+1]
    ROW_FEATURE_START, // [B+1]
    ROW_FEATURE_COUNT, // [B+1]
    ROW_LISTS
};

struct text_rows {
    int batch, T, N; // capacity: captions, their length, feature rows of each
    int32_t *host, *device;
    int64_t offset[ROW_LISTS + 1]; // of each list, and the size of all

    int B;                              // captions present
    int64_t states, captions;           // rows, filled up
    int64_t targets;                    // caption rows without the filler's
    int state_samples, caption_samples; // B, or B + 1 with the filler
    int state_max, caption_max;         // rows of a sample, upper bounds
};

int64_t text_rows_states(int batch, int T);   // the most rows there can be, filled up
int64_t text_rows_captions(int batch, int T); // ditto

void text_rows_init(struct text_rows *rows, const struct model_config *config, int batch);
void text_rows_release(struct text_rows *rows);
void text_rows_plan(struct text_rows *rows, struct planner *planner);

// Checks tokens i32 [B,T], builds the lists and uploads them. 0 or -EXIT_DATA, reported with the row.
int text_rows_build(struct text_rows *rows, struct ops *ops, const struct text_config *config, const int32_t *tokens,
                    int B);
const int32_t *text_rows_list(const struct text_rows *rows, enum row_list list); // of the backend

struct spans text_rows_state_spans(const struct text_rows *rows);
struct spans text_rows_caption_spans(const struct text_rows *rows);
struct spans text_rows_feature_spans(const struct text_rows *rows); // the filler sees no feature
