// The samples that workers make: from datasets by the plan, from datasets in order, or from the lines of a list.
#pragma once

#include "dataset/plan.h"
#include "dataset/store.h"
#include "remote/object.h"

enum sources_order {
    SOURCES_SHUFFLED,     // by the plan, without end
    SOURCES_IN_ORDER,     // sample n is record n, the datasets one behind the other
    SOURCES_EACH_CAPTION, // sample n is the n-th caption of all records; records without captions have no sample
};

struct sources_options {
    const char *list;        // a file of lines (dataset/spool.h), instead of what follows
    bool null;               // whose lines end with NUL bytes
    const char *directories; // "DIR::DIR"
    const char *weights;     // "1::1", NULL: all 1
    uint64_t seed;
    enum sources_order order;
    int64_t window;               // of SOURCES_SHUFFLED, parts in a block (plan.h); 0: global
    bool texts;                   // pictures and videos are not needed: store_texts
    struct remote_options remote; // of datasets whose pictures lie in objects; all zero: REMOTE_DEFAULTS
    int views;                    // samples of each record or line, 0: one; not of SOURCES_SHUFFLED
    const char *const *needs;     // fields of which every dataset must have one, NULL-terminated; NULL: none
    const uint64_t *expected;     // fingerprints that the datasets had when the run was made
    int expected_count;           // 0: not known
};

struct sources;
// 0, -EXIT_USAGE (no dataset, weights, blocks, a cache that has no room for what the order touches) or -EXIT_DATA (not
// a dataset, cut, changed, none of the fields).
int sources_open(struct sources **sources, const struct sources_options *options);
void sources_close(struct sources **sources);
bool sources_have(const struct sources *sources, const char *field); // a record of any dataset; no list has any
uint64_t sources_fingerprint(const struct sources *sources);         // of the plan; 0 of a list
// As sources_open does where the samples are shuffled and have pictures; `remote` has a cache. 0 or -EXIT_USAGE.
int sources_check_cache(const struct sources *sources, const struct remote_options *remote);
int sources_datasets(const struct sources *sources);
const struct store *sources_dataset(const struct sources *sources, int index); // borrowed

// How many samples there are, and whether more may come. 0 or -EXIT_DATA.
int sources_count(struct sources *sources, int64_t *samples, bool *growing);

// What is random about a sample is drawn from subkeys of its own by these numbers, which must not change: a run that is
// resumed makes the same samples.
enum sample_purpose { SAMPLE_VIEW, SAMPLE_CAPTION, SAMPLE_PROMPT, SAMPLE_AUGMENT };

// How many of the samples first … first + count, all below sources_count, there are to be made: of a list less than
// count where its writer ended a batch early (spool.h). 0 or -EXIT_DATA.
int sources_filled(struct sources *sources, int64_t first, int count, int *filled);

struct sample {
    int64_t n, id; // id: source << 48 | record; of a list n
    struct random_key key;
    int view;                   // of the record's, from 0: sample n is view n mod V of what n div V stands for
    int64_t caption;            // which of the record's is meant, −1: the key chooses
    struct record record;       // borrowed from the dataset; empty of a list
    const char *line;           // of a list, borrowed until the next call; else NULL
    char reason[RECORD_REASON]; // why the record could not be understood, or ""
};
// Sample n, below sources_count. 0, then sample_release, or -EXIT_DATA when a dataset lost it.
int sources_read(struct sources *sources, int64_t n, struct sample *sample);
void sample_release(struct sample *sample);
struct random_key sample_key(const struct sample *sample, enum sample_purpose purpose);
