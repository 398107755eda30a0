// What the formats of shards share. Private.
#pragma once

#include "json_edit.h"
#include "output.h"
#include "packed.h"

struct output {
    const struct shard *shard;
    struct output_options options;
    struct packed *packed;
    int *kept; // [form.captions], those of the result that stay
    int count;
    // Of the sample that is being written
    struct buffer captions, scores, image, texts, key; // as JSON
    struct buffer json;                                // the edited object
    struct buffer bytes;
};

enum { OUTPUT_FIELDS = 8 };
// The fields of the captions; with embeddings where `lines`. Their number.
int output_fields(struct output *output, const struct result *result, bool lines, struct json_field *fields);

int output_add_to_tar(struct output *output, struct source *source, const struct sample *sample,
                      const struct result *result, char **defect);
int output_add_line(struct output *output, const struct sample *sample, const struct result *result, char **defect);
void output_end_tar(struct output *output);
