// What the commands of coca-tap share.
#pragma once

#include "stage/command.h"
#include "wire/ahead.h"
#include "wire/recording.h"

int watch_main(const struct command *command, int argc, char **argv);
int record_main(const struct command *command, int argc, char **argv);
int replay_main(const struct command *command, int argc, char **argv);
int diff_main(const struct command *command, int argc, char **argv);
int export_main(const struct command *command, int argc, char **argv);
int import_main(const struct command *command, int argc, char **argv);
int keys_main(const struct command *command, int argc, char **argv);

// --- source.c: an edge's messages, read from a recording or asked of workers

struct source_options {
    char *edge;
    int64_t steps, first_step, first_sample, batch, microbatch;
};
struct option_table source_options_table(struct source_options *options);

struct source {
    const struct source_options *options;
    struct ahead ahead;           // points back: where the source lies when it is opened, it stays
    int64_t wanted, microbatches; // so far, M
};
// 0 or -exit_code; source_close in any case
int source_open(struct source *source, const struct source_options *options, struct hub *hub, const char *operand);
int64_t source_total(const struct source *source);                // messages that will come; 0 when unknown
int source_next(struct source *source, struct message **message); // 0, HUB_END, what a wait returned, -exit_code

void source_close(struct source *source);

// An operand as an address: a plain path means file:PATH. The caller frees it.
char *source_address(const char *operand);

// The one operand that a command takes. NULL after a report.
const char *only_operand(const struct strings *operands, const char *what);

// --- values.c: elements and fields of any type

bool is_among(const char *name, const struct strings *names); // of an empty list every name is
double tensor_value(const struct tensor *tensor, int64_t index);
void field_format(struct buffer *text, const struct message_field *field); // appends "NAME VALUE"
