// What a cache's folder holds, for all processes of the host: who fetches what, and what gives way. Private.
//
// NAME is an object that is whole, NAME.part one that is being fetched by the process that has it locked (flock), or
// was by one that died. NAME ends in the object's length, which is counted from the first byte of a part on: so the
// bound holds at any moment. What changes names is done under the lock of the file `lock`. Other files are left alone.
#pragma once

#include "remote/failure.h"

struct cache_book {
    char *folder;
    int64_t bound; // bytes
};

#define CACHE_NAME_SIZE 40
void cache_name(char name[CACHE_NAME_SIZE], const struct object *object);

enum cache_place {
    CACHE_WHOLE, // it is there, or was a moment ago
    CACHE_MINE,  // a part, empty or not, which is the caller's to write until it closes the descriptor
    CACHE_BUSY,  // another fetches it
    CACHE_FULL,  // all that is there is being fetched
};
// Looks for the object, and makes room for a part where there is none. A place, with `*fd` of a part; or -code.
int cache_book_take(const struct cache_book *book, const char *name, int64_t bytes, int *fd, struct failure *failure);
int cache_book_finish(const struct cache_book *book, const char *name, struct failure *failure); // a part is whole
void cache_book_drop_part(const struct cache_book *book, const char *name);
// What is open as fd, if the name is still of that. 0 or -code
int cache_book_drop(const struct cache_book *book, const char *name, int fd, struct failure *failure);

int cache_book_fail(const struct cache_book *book, const char *what, struct failure *failure); // by errno; -EXIT_RUN
