// The signals that ask for a clean end, as a descriptor to poll: SIGINT, SIGTERM, and what batch systems and terminals
// warn with, SIGUSR1 and SIGHUP. Private.
#pragma once

// The first signal makes the descriptor readable (one byte, left there until it is read) and sets signals_first.
// Whoever stops a job may signal every process of it, and coca-run passes the signal on besides: what arrives within a
// second of the first is the same request. A later one ends the process at once with 128 + its number, also in the
// middle of a computation. SIGPIPE is ignored; SIGHUP stays ignored where it was (nohup).
int signals_install(void);
int signals_first(void); // 0 as long as there was none; SIGUSR1 counts as SIGTERM, which it announces
