// coca-loss --plan: what a step of a run would take on hosts that need not be there: memory, what travels, time.
//
// Letters as in the design: M microbatches of a step, R ranks of a stage, of which each has M/R of them in a row.
#pragma once

#include "model/params/config.h"
#include "run/run.h"
#include "train/memory.h"

int plan_main(int argc, char **argv);

enum plan_side { PLAN_IMAGE, PLAN_TEXT, PLAN_SIDES };
enum plan_stage { PLAN_OF_IMAGE, PLAN_OF_TEXT, PLAN_OF_LOSS, PLAN_STAGES }; // the sides, then the conductor

// What it would run on.
struct plan_machine {
    int hosts, devices;      // devices of each host that compute at once; 0: as many as it has ranks
    double gbps;             // of a host's link, each way: 10^9 bits a second
    double local_gbps;       // between ranks of one host
    double tflops;           // of a device: what it sustains, 10^12 operations a second
    double ease[PLAN_SIDES]; // of which each side reaches so much more or less
};

// A step of a run with so many ranks.
struct plan_step {
    const struct run *run; // its options, checked
    const struct model_config *config;
    int microbatches, ranks[PLAN_SIDES];
    double length; // tokens of a caption, BOS and EOS included: a mean
};
enum dtype plan_dtype(const struct plan_step *step); // of features, and of values on their way back

// ---- plan_place.c: which host a rank is on. Hosts are filled one after the other, image ranks first; the conductor is
// beside the first text rank. More ranks than devices share them.

int plan_host(const struct plan_machine *machine, const struct plan_step *step, enum plan_side side, int rank);
int plan_owner(const struct plan_step *step, enum plan_side side, int microbatch);    // the rank
bool plan_is_local(const struct plan_machine *machine, const struct plan_step *step); // all ranks are on one host

// ---- plan_traffic.c: what travels in a step

enum { PLAN_EDGES = 16 };
struct plan_edge {
    const char *name, *from, *to;
    int64_t messages;
    double bytes; // of all of them, headers included
};
// Of a stage's ranks together, as their counters have it.
struct plan_flow {
    double messages_in, messages_out, bytes_in, bytes_out;
};
// What each rank of a side sends, and receives: gradients of what others own, in f32, and its values for the others.
struct plan_exchange {
    int64_t numbers;                 // N, of the part
    double messages;                 // a tensor each
    double gradients, values, early; // bytes; early: the multimodal half's share of the gradients
};
struct plan_traffic {
    struct plan_edge edge[PLAN_EDGES];
    int edges;
    struct plan_flow flow[PLAN_STAGES];
    struct plan_exchange exchange[PLAN_SIDES];
    double feature_bytes, embedding_bytes; // of one microbatch's message, were it sent to another host
};
void plan_traffic(const struct plan_machine *machine, const struct plan_step *step, struct plan_traffic *traffic);

// ---- plan_link.c: what crosses from host to host

// Bytes that the busiest host's link carries one way in a step; of images and tokens none, since workers run beside
// those who ask them.
double plan_link_bytes(const struct plan_machine *machine, const struct plan_step *step,
                       const struct plan_traffic *traffic);
// Of an exchange in which each rank of the side sends so many bytes.
double plan_exchange_seconds(const struct plan_machine *machine, const struct plan_step *step, enum plan_side side,
                             double sent);

// ---- plan_work.c: what is computed

struct plan_work {            // floating point operations of one microbatch, and of the step's contrast
    double forward, backward; // image-encode
    double unimodal, multimodal, unimodal_backward; // text-decode; multimodal: both directions
    double contrast;
};
struct plan_work plan_work(const struct plan_step *step);
double plan_work_of_side(const struct plan_step *step, enum plan_side side); // of a step, all ranks
double plan_work_total(const struct plan_step *step); // of a step, without what is computed twice to save memory

// ---- plan_time.c: how long it takes

// Seconds of the rank of a side that is done last.
struct plan_share {
    double busy, waits_passes, waits_contrast, exchange; // waits_passes: for features, or for their gradients
};
struct plan_time {
    double step; // seconds
    struct plan_share side[PLAN_SIDES];
    double contrast, values; // from the last embedding to the gradient; of the all-gather
};
struct plan_time plan_time(const struct plan_machine *machine, const struct plan_step *step,
                           const struct plan_traffic *traffic);

// ---- plan_memory.c: what each rank takes beside the program itself. 0 or -exit_code.

int plan_memory(const struct plan_step *step, struct memory_bytes bytes[PLAN_STAGES]);

// ---- plan_measured.c: a run that was made

struct plan_measured {
    const char *path;
    struct run run;
    struct model_config config;
    double seconds, targets; // of a step: the median of its second half; a mean
    int64_t steps;
    struct plan_flow flow[PLAN_STAGES]; // a step
    struct {
        double sent, received, messages, waiting; // of a rank and step; the least share of one's time
    } exchange[PLAN_SIDES];
    double busy[PLAN_SIDES];       // share of a rank's time that it neither waited nor exchanged
    double announced[PLAN_STAGES]; // bytes that a rank said it needs
    bool counted;                  // counters were there
};
// Reads RUN/run.json, model.json, metrics.jsonl and log/*.counters. 0 or -exit_code; release in any case.
int plan_measured_read(struct plan_measured *measured, const char *path);
void plan_measured_release(struct plan_measured *measured);

// ---- plan_rates.c: what runs that were made say of the machine

// Sets tflops and ease, with which the step takes as long as it did.
void plan_calibrate(struct plan_machine *machine, const struct plan_step *step, const struct plan_measured *measured);
double plan_measured_gbps(const struct plan_measured *measured, int count); // 0: none of them says

// ---- plan_show.c

struct plan_result {
    struct plan_step step;
    struct plan_traffic traffic;
    struct plan_time time;
    struct memory_bytes memory[PLAN_STAGES];
    double link;
    const struct plan_measured *measured; // or NULL
};
void plan_show(const struct plan_machine *machine, const struct plan_result *result, int count, int chosen);
void plan_show_json(const struct plan_machine *machine, const struct plan_result *result, int count);
