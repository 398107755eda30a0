// The files of AWS's tools: sections, and settings in them. Private.
#pragma once

#include <stddef.h>

// The value of `name` in [section], the last one where there are several; NULL: none. The caller frees. Nested
// settings, which are indented, are passed over.
char *ini_value(const char *text, size_t size, const char *section, const char *name);
