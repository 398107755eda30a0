// The life of a stage: options, log, readiness, signals, drain, counters, the supervisor's death. A stage's own file is
// its manual page, its option table and its callbacks; its main is `return stage_main(&stage, argc, argv)`.
#pragma once

#include "ranks/ranks.h"
#include "stage/option.h"
#include "wire/hub.h"

#define COCAFLOW_VERSION "0.1.0"

// What a first SIGINT, SIGTERM, SIGHUP or SIGUSR1 means. One that comes a second later or more leaves at once with 128
// + signal.
enum stage_signal {
    STAGE_DRAIN,   // stage_stopping() turns true and waits return STAGE_STOP: the stage ends by itself
    STAGE_REQUEST, // stage_on_signal is called (a follower passes it to its conductor) and the work goes on
    STAGE_IGNORE,  // a worker: it leaves when its consumer says `end`
};
enum { STAGE_STOP = 2 }; // what edge_take and edge_next_ask return to a draining stage

struct stage {
    const char *name;    // of the executable
    const char *role;    // in messages and logs; NULL: name without "coca-"
    const char *summary; // one line
    const char *manual;  // paragraphs of --help: messages in and out with dtype and shape, exit codes, examples
    struct option_table *const *tables; // the stage's own, beside the common one; ended by NULL
    const char *operands;               // their name in --help, NULL: none are taken
    void *context;                      // of the calls below
    // After the options are read, inside the run directory, before sockets: reads files, checks, says what goes
    // silently wrong elsewhere. May set the hub's fingerprint and run id by stage_identify. 0 or -exit_code.
    int (*prepare)(void *context, const struct strings *operands);
    // Opens edges and works. 0 or -exit_code; STAGE_STOP and HUB_END count as 0.
    int (*run)(void *context, struct hub *hub);
    // Optional: gives back what `prepare` opened, after the counters are written, which want its files still mapped.
    void (*close)(void *context);
};

// Options every stage has: --run-dir --run-id --rank --ready --supervisor --counters --record --keys --insecure
// --peer-timeout --request-timeout --stall-timeout --message-limit --help --version.
int stage_main(const struct stage *stage, int argc, char **argv);

// One hub more with the options of this process, for what is to be asked in `prepare`; the caller closes it before
// `run`.
struct hub *stage_open_hub(void);
// From prepare: the run, which of its generations this is, and the model.
void stage_identify(const char *run, int64_t generation, uint64_t fingerprint);
void stage_set_rank(int rank); // from prepare: a launcher says it, not --rank
void stage_signal_policy(enum stage_signal policy, int (*on_signal)(void *context, int signal), void *context);
bool stage_stopping(void);
int stage_signal_number(void);             // 0, or the first signal seen: a drained stage exits with 128 + it
void stage_exit_signal(int signal);        // exit with 128 + signal at the end, as asked by a peer
void stage_ready(void);                    // creates the --ready file: edges are open, the model is loaded
void stage_announce_memory(int64_t bytes); // expected peak; written beside the measured one into --counters
void stage_count_ranks(struct ranks_counters counters); // exchanged so far with other ranks: for --counters, too
