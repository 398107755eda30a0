// Base64 (RFC 4648), with either alphabet; blanks and line ends in it, and "=" at its end, may be there or not.
#pragma once

#include <stdbool.h>

#include "base/memory.h"

bool base64_decode(struct buffer *out, const char *text, size_t size); // appends; false where it is none
