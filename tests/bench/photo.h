// Photo-like JPEGs of 500 x 375 at quality 90, about 50 KiB each: smooth noise in octaves, the finest of which are as
// strong as that size asks for.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { PHOTO_WIDTH = 500, PHOTO_HEIGHT = 375 };

// Picture `index`, always the same; the caller frees *bytes. 0 or -EXIT_RUN.
int photo_make(void **bytes, size_t *size, uint64_t index);
