// What a run lost, and how it went on: a line of incidents.jsonl each, with the keys
//
//   time        of the loss, seconds since 1970
//   lost        the process; pid: of it, or of the process among its own that was found stopped
//   how         "signal 9", "exit 4", "frozen"
//   restarts    of the job so far, this one included; 0: the run ended with it
//   generation  that went on
//   reached, back   steps taken when it was lost, and of the checkpoint that was gone back to
//   up, regained    seconds from the loss until all stages had met again, and until `reached` was reached again; null
//                   when the run ended before that
//
// Until a line is whole it waits in incident.json, a list: coca-run adds to it, coca-loss --prepare says what is gone
// back to, coca-loss measures.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct incident {
    const char *lost, *how;
    int pid;
    double ago; // seconds since it was noticed
    int restarts;
};

// coca-run: 0 or -exit_code.
int incident_add(const char *run_directory, const struct incident *incident);

// Of a run that goes on: fills in generation, reached and back, where nobody did. 0 or -exit_code.
int incidents_resume(const char *run_directory, int64_t generation, int64_t reached, int64_t back);

// coca-loss, in the run directory. NULL when nothing waits.
struct incidents;
struct incidents *incidents_open(void); // all stages have met
void incidents_free(struct incidents **incidents);
// After so many steps: incidents whose step is reached again are told and kept in incidents.jsonl; with `all`, every
// one. 0 or -EXIT_RUN.
int incidents_reached(struct incidents *incidents, int64_t steps, bool all);
