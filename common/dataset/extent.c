// Lines that name a stretch of a file, written by coca-relabel and read by the workers that decode what lies there. A
// list is a file of others, so nothing of a line is believed before all of it was understood.
#include "dataset/extent.h"

#include <inttypes.h>
#include <string.h>

void extent_write(struct buffer *line, const struct extent *extent) {
    buffer_format(line, "%" PRId64 " %" PRId64 " %.*s\t%s", extent->offset, extent->length, extent->name_length,
                  extent->name, extent->path);
}

// Digits and the blank behind them.
static bool read_number(const char **at, int64_t *number) {
    const char *begin = *at;
    *number = 0;
    for (; **at >= '0' && **at <= '9'; ++*at)
        if (__builtin_mul_overflow(*number, 10, number) || __builtin_add_overflow(*number, **at - '0', number))
            return false;
    return *at > begin && *(*at)++ == ' ';
}

bool extent_read(struct extent *extent, const char *line) {
    int64_t end;
    if (!read_number(&line, &extent->offset) || !read_number(&line, &extent->length)) return false;
    if (__builtin_add_overflow(extent->offset, extent->length, &end)) return false;
    const char *tab = strchr(line, '\t');
    if (!tab || tab == line || !tab[1] || tab - line > INT32_MAX) return false;
    extent->name = line;
    extent->name_length = (int)(tab - line);
    extent->path = tab + 1;
    return true;
}
