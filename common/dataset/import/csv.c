// Reads separated lists byte by byte from a stream, as they may be compressed, larger than memory and quoted over
// several lines. table.c gives columns a meaning. A row's cells lie one behind the other in one buffer, with their ends
// in a list.
#include "dataset/import/csv.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/lines.h"

#define ROW_BYTES_LIMIT (16u << 20)
#define ROW_CELLS_LIMIT 4096

// By the first line, or as much of it as the stream's first block holds.
static char guess_separator(struct stream *stream) {
    const char *bytes;
    const size_t size = stream_look(stream, &bytes);
    const char *end = size ? memchr(bytes, '\n', size) : NULL;
    return size && memchr(bytes, '\t', end ? (size_t)(end - bytes) : size) ? '\t' : ',';
}

int csv_open(struct csv *csv, const char *path, char separator) {
    *csv = (struct csv){.path = path, .next_line = 1};
    int status = stream_open(&csv->stream, path);
    if (status) return status;
    stream_skip_mark(csv->stream);
    csv->separator = separator ? separator : guess_separator(csv->stream);
    return 0;
}

void csv_close(struct csv *csv) {
    if (csv->stream) stream_close(&csv->stream);
    buffer_release(&csv->bytes);
    free(csv->end);
}

static int next_byte(struct csv *csv) {
    const int byte = stream_byte(csv->stream);
    csv->next_line += byte == '\n';
    return byte;
}

// At the limit bytes are dropped, and the row is refused when it ends.
static void append(struct csv *csv, int byte) {
    if (csv->bytes.size < ROW_BYTES_LIMIT) buffer_append(&csv->bytes, &(char){(char)byte}, 1);
}

// Appends what stands in quotes, the opening one taken already; gives the byte behind the closing one.
// A quote behind a quote is one quote; any other byte ends the cell's quoted part.
static int read_quoted(struct csv *csv) {
    for (int byte; (byte = next_byte(csv)) != STREAM_END; append(csv, byte))
        if (byte == '"' && (byte = next_byte(csv)) != '"') return byte;
    csv->status = error(EXIT_DATA,
                        "%s: line %lld: a quote is opened and never closed; quotes within a text in quotes are doubled",
                        csv->path, (long long)csv->line);
    return STREAM_END;
}

// Appends one cell that begins with `byte`; gives the byte that ends it: the separator, '\n' or STREAM_END.
// A quoted cell may go on behind its closing quote, as some programs write it: what follows is added as it stands.
static int read_cell(struct csv *csv, int byte) {
    const size_t start = csv->bytes.size;
    if (byte == '"') byte = read_quoted(csv);
    for (; byte != STREAM_END && byte != '\n' && byte != csv->separator; byte = next_byte(csv)) append(csv, byte);
    if (byte != csv->separator) csv->bytes.size = start + lines_trim(csv->bytes.bytes + start, csv->bytes.size - start);
    return byte;
}

static void end_cell(struct csv *csv) {
    if (csv->cells == csv->capacity) {
        csv->capacity = csv->capacity ? 2 * csv->capacity : 16;
        csv->end = xrealloc_array(csv->end, (size_t)csv->capacity, sizeof *csv->end);
    }
    csv->end[csv->cells++] = csv->bytes.size;
}

// Limits are checked at the row's end, so that the error names the line where the row began.
static void read_row(struct csv *csv, int byte) {
    csv->cells = 0;
    buffer_clear(&csv->bytes);
    for (;;) {
        const int end = read_cell(csv, byte);
        end_cell(csv);
        if (end != csv->separator || csv->cells == ROW_CELLS_LIMIT) break;
        byte = next_byte(csv);
    }
    if (!csv->status && (csv->cells == ROW_CELLS_LIMIT || csv->bytes.size == ROW_BYTES_LIMIT))
        csv->status = error(EXIT_DATA, "%s: line %lld: the row is too long", csv->path, (long long)csv->line);
}

// The first byte of the next line that is not empty, or STREAM_END.
static int skip_empty_lines(struct csv *csv) {
    int byte;
    do {
        csv->line = csv->next_line;
        byte = next_byte(csv);
        if (byte == '\r') byte = next_byte(csv);
    } while (byte == '\n');
    return byte;
}

//   title,filepath            2 cells
//   "a ""red"" frog",1.jpg    a "red" frog | 1.jpg
//   "two
//   lines",2.jpg              one row, of two lines
bool csv_next(struct csv *csv) {
    if (csv->status) return false;
    const int byte = skip_empty_lines(csv);
    if (byte != STREAM_END) {
        csv->row++;
        read_row(csv, byte);
    }
    if (!csv->status) csv->status = stream_status(csv->stream);
    return byte != STREAM_END && !csv->status;
}

struct span csv_cell(const struct csv *csv, int cell) {
    const size_t start = cell ? csv->end[cell - 1] : 0;
    return (struct span){csv->bytes.bytes + start, csv->end[cell] - start};
}

int csv_find(const struct csv *csv, const char *name) {
    for (int i = 0; i < csv->cells; i++) {
        const struct span cell = csv_cell(csv, i);
        if (cell.size == strlen(name) && !memcmp(cell.bytes, name, cell.size)) return i;
    }
    return -1;
}

struct span csv_cell_or_none(const struct csv *csv, int cell) {
    const struct span found = cell >= 0 && cell < csv->cells ? csv_cell(csv, cell) : (struct span){"", 0};
    return found.size ? found : (struct span){"", 0};
}
