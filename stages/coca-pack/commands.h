// The commands of coca-pack, one file each.
#pragma once

#include "stage/command.h"

extern const struct tool pack_tool, formats_tool, list_tool, show_tool, extract_tool, verify_tool, export_tool;

#define PACK_MANUAL_EXIT "Exit codes: 0 done, 1 disk full or unwritable, 2 bad usage, 3 bad input or a damaged dataset."
