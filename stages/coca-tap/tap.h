// What the commands of coca-tap share.
#pragma once

#include "stage/command.h"
#include "wire/recording.h"

extern const struct stage watch_stage, record_stage;
extern struct stage replay_stage; // its role is an option
extern const struct tool diff_tool, export_tool, import_tool, keys_tool;

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))

// --- source.c: an edge's messages, read from a recording or asked of workers

struct source_settings {
    char *edge;
    int64_t steps, first_step, first_sample, batch, microbatch;
};
extern struct source_settings source_settings;
#define SOURCE_ROWS 7
extern const struct option source_rows[SOURCE_ROWS];

// An operand as an address: a plain path means file:PATH. The caller frees it.
char *source_address(const char *operand);
int source_open(struct hub *hub, const char *operand); // 0 or -exit_code
int64_t source_total(void);                            // messages that will come; 0 when unknown
int source_next(struct message **message);             // 0, HUB_END, what a wait returned, -exit_code

// The one operand that a command takes. NULL after a report.
const char *only_operand(const struct strings *operands, const char *what);

// --- values.c: elements and fields of any type

double tensor_value(const struct tensor *tensor, int64_t index);
void field_format(struct buffer *text, const struct message_field *field); // appends "NAME VALUE"
