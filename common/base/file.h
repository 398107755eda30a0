// Whole files, mapped files, and files written aside. Functions return 0 or -exit_code, reported.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/memory.h"

// Appends the whole of `path` ("-" is stdin) to `buffer`; more than `limit` bytes is an EXIT_DATA error.
int file_read(const char *path, size_t limit, struct buffer *buffer);

// A file mapped read-only. `size` 0 has bytes NULL.
struct file_map {
    const unsigned char *bytes;
    size_t size;
};
int file_map_open(struct file_map *map, const char *path);
void file_map_close(struct file_map *map);

bool file_exists(const char *path);
bool directory_exists(const char *path);
int directory_make(const char *path); // with its parents; an existing directory is fine
// The same for what is its owner's alone (0700), whatever the umask is and the mode was. Another user's is an error.
int directory_make_private(const char *path);
int directory_sync(const char *path);
int path_sync(const char *path); // the name: syncs the directory that it stands in
int directory_list(const char *path,
                   struct strings *names); // adds the names in it, in no order; a missing one has none
int directory_remove(const char *path);    // and all that is in it; a missing one is fine

// Says before any work that no file could be written at `path`, whose option `name` is: its folder is missing or
// closed, a folder or a protected file has its name. Nothing is left behind. "-", stdout, is fine. 0 or -EXIT_RUN.
int file_check_output(const char *name, const char *path);

// A file that appears under its name only when it is whole: written as "PATH.tmp", fsynced, renamed, and the
// directory fsynced. The first failed write sticks; aside_commit reports it (EXIT_RUN) and removes the remains.
// A link stays one, and the file that it leads to is replaced. Devices, FIFOs and names of open descriptors
// (/dev/stdout) are written as they stand.
struct aside {
    FILE *file;
    char *path, *temporary; // NULL: in place
};
int aside_open(struct aside *aside, const char *path);
int aside_commit(struct aside *aside);
void aside_abandon(struct aside *aside); // after aside_open succeeded: closes and removes

// Gives what is aside its size in bytes, behind which others write into it. 0 or -EXIT_RUN, reported.
int aside_extend(struct aside *aside, int64_t size);
// A process's share of a file that another one has aside, has extended, and commits when all shares are closed. The
// first failed write sticks; aside_share_close, which waits for the disk, reports it. 0 or -EXIT_RUN.
struct aside_share {
    int fd, failure; // errno, or 0
};
int aside_share_open(struct aside_share *share, const char *path); // of the file, not of what is aside
void aside_share_write(struct aside_share *share, const void *bytes, size_t size, int64_t at);
int aside_share_close(struct aside_share *share, const char *path);

int file_write(const char *path, const void *bytes, size_t size); // aside_open, write, aside_commit
int file_copy(const char *from, const char *to);

char *path_join(const char *directory, const char *name); // `name` when absolute or `directory` empty; the caller frees
const char *path_base(const char *path);                  // borrowed: behind the last '/'
char *path_parent(const char *path);                      // before it, "." for a bare name; the caller frees
char *path_beside(const char *path, const char *name);    // `name` in the folder of the file `path`; the caller frees
