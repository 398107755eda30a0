// Which records of a dataset show what another record shows.
#pragma once

#include "near_rows.h"
#include "prints.h"

enum match_kind { MATCH_NONE, MATCH_EXACT, MATCH_HASH, MATCH_EMBEDDING };
const char *match_word(enum match_kind kind); // "exact"

struct match {
    enum match_kind kind;
    int64_t other;   // the record that it is like, of the other datasets or, within one, an earlier one that stays
    double distance; // bits, or the similarity of embeddings
};

// match [records], which the caller frees; `against` NULL: within. Of what a record is like, equal pixels come first,
// then the least distance, then the lowest number. Hashes that differ in up to `bits` are near; −1: none are.
struct match *matches_by_print(const struct print *print, int64_t records, const struct print *against,
                               int64_t against_records, int bits);
// The same of embeddings with at least this similarity.
struct match *matches_by_row(const struct rows *rows, const struct rows *against, double similarity);
