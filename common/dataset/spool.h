// The lines of a file that somebody may still be writing. It is whole once FILE.closed exists.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SPOOL_LINE_LIMIT (64 << 10) // bytes of one line

struct spool;
int spool_open(struct spool **spool, const char *path); // 0 or -EXIT_DATA
void spool_close(struct spool **spool);

// Looks what has come: `*lines` are whole, and more may come while `*growing`. 0 or -EXIT_DATA.
int spool_look(struct spool *spool, int64_t *lines, bool *growing);

// Line n without its end, for n below what spool_look said; borrowed until the next call. 0 or -EXIT_DATA.
int spool_line(struct spool *spool, int64_t n, const char **line);
