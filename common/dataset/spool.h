// The lines of a file that somebody may still be writing. It is whole once FILE.closed exists. What coca-spool and
// coca-serve write has a NUL behind each line, so that any path or text is one; a list that a person made may have
// lines of text, with or without a byte order mark and CR LF.
//
// Readers take lines in batches of a fixed size. A writer that does not want to wait for the next line ends a batch
// early by filling it up with lines SPOOL_FILLER, which stand for nothing.
//
// A list without end may lose its front (spool_forget): FILE.begins, "LINE BYTE", says how many lines are not there any
// more and where the first one that is begins. What stood before it reads as zeros.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPOOL_LINE_LIMIT (64 << 10) // bytes of one line
#define SPOOL_FILLER "\f(fills up a batch)\f"
#define SPOOL_CLOSED ".closed"
#define SPOOL_BEGINS ".begins"

enum { SPOOL_STRIDE = 1024 }; // lists begin at a multiple of so many lines

enum spool_end { SPOOL_TEXT = '\n', SPOOL_NUL = 0 }; // what lines end with

// Why the bytes cannot be a line of a list that ends lines with NUL, or NULL.
const char *spool_refuses(const char *line, size_t size);

struct spool;
int spool_open(struct spool **spool, const char *path, enum spool_end end); // 0 or -EXIT_DATA
void spool_close(struct spool **spool);

// Looks what has come: `*lines` are whole, and more may come while `*growing`. 0 or -EXIT_DATA; so is a NUL in a list
// of SPOOL_TEXT.
int spool_look(struct spool *spool, int64_t *lines, bool *growing);

// Line n without its end, for n below what spool_look said; borrowed until the next call. Cheapest in ascending order.
// 0 or -EXIT_DATA.
int spool_line(struct spool *spool, int64_t n, const char **line);

// How many of the lines first … first + count stand before the first SPOOL_FILLER. 0 or -EXIT_DATA.
int spool_filled(struct spool *spool, int64_t first, int count, int *filled);
