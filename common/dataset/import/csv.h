// Rows of a list with separated columns, quoted as RFC 4180 has it: a cell in double quotes may hold separators, line
// ends, and quotes, doubled.
#pragma once

#include "dataset/import/stream.h"
#include "dataset/record.h"

struct csv {
    struct stream *stream;
    const char *path;
    char separator;
    int64_t row, line;   // the row's number and the line it begins at, from 1, empty ones counted as lines only
    int64_t next_line;   // of the byte to come
    struct buffer bytes; // of the row's cells, one behind the other
    size_t *end;         // [capacity] where each cell ends in `bytes`
    int cells, capacity;
    int status;
};

// `separator` 0: a tab if the first line has one, else a comma. 0 or -EXIT_DATA, reported.
int csv_open(struct csv *csv, const char *path, char separator);
void csv_close(struct csv *csv);

// The next row that is not empty. False at the end, and on failure, which csv->status holds (-EXIT_DATA, reported).
bool csv_next(struct csv *csv);
// The cell of this name, of a header; -1: there is none.
int csv_find(const struct csv *csv, const char *name);
struct span csv_cell_or_none(const struct csv *csv, int cell); // "" of one that the row has not; as csv_cell
struct span csv_cell(const struct csv *csv, int cell);         // until the next csv_next
