// SIGINT and SIGTERM as a descriptor to poll. Private.
#pragma once

// The first signal makes the descriptor readable (one byte, left there until it is read) and sets signals_first; a
// second one ends the process at once with 128 + its number, also in the middle of a computation. SIGPIPE is ignored.
int signals_install(void);
int signals_first(void); // 0 as long as there was none
