// What becomes of a result, whatever it is written into.
#include "output_private.h"

#include <stdlib.h>
#include <string.h>

int output_open(struct output **output, const struct shard *shard, const char *path,
                const struct output_options *options) {
    struct output *new = *output = xcalloc(1, sizeof *new);
    *new = (struct output){.shard = shard, .options = *options};
    new->kept = xcalloc((size_t)options->form.captions, sizeof *new->kept);
    int status = packed_open(&new->packed, path, shard->packed);
    if (status) output_abandon(output);
    return status;
}

void output_abandon(struct output **output) {
    struct output *old = *output;
    if (!old) return;
    packed_abandon(&old->packed);
    struct buffer *buffers[] = {&old->captions, &old->scores, &old->image, &old->texts,
                                &old->key,      &old->json,   &old->bytes};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) buffer_release(buffers[i]);
    free(old->kept);
    free(old);
    *output = NULL;
}

int output_close(struct output **output) {
    if ((*output)->shard->to_tar) output_end_tar(*output);
    int status = packed_close(&(*output)->packed);
    output_abandon(output);
    return status;
}

// ---- fields

static void write_captions(struct output *output, const struct result *result) {
    struct buffer *out = &output->captions;
    buffer_clear(out);
    buffer_text(out, "[");
    for (int i = 0; i < output->count; i++) {
        const char *caption = result->captions[output->kept[i]];
        buffer_text(out, i ? ", " : "");
        json_text(out, caption, strlen(caption));
    }
    buffer_text(out, "]");
}

// Nine digits bring every float back.
static void write_scores(struct output *output, const struct result *result) {
    struct buffer *out = &output->scores;
    buffer_clear(out);
    buffer_text(out, "[");
    for (int i = 0; i < output->count; i++)
        buffer_format(out, "%s%.9g", i ? ", " : "", (double)result->scores[output->kept[i]]);
    buffer_text(out, "]");
}

static void write_row(struct buffer *out, const float *row, int64_t width) {
    buffer_text(out, "[");
    for (int64_t i = 0; i < width; i++) buffer_format(out, "%s%.9g", i ? ", " : "", (double)row[i]);
    buffer_text(out, "]");
}

static void write_texts(struct output *output, const struct result *result) {
    const int64_t width = output->options.form.text;
    struct buffer *out = &output->texts;
    buffer_clear(out);
    buffer_text(out, "[");
    for (int i = 0; i < output->count; i++) {
        buffer_text(out, i ? ", " : "");
        write_row(out, result->texts + output->kept[i] * width, width);
    }
    buffer_text(out, "]");
}

int output_fields(struct output *output, const struct result *result, bool lines, struct json_field *fields) {
    const struct results_form *form = &output->options.form;
    int count = 0;
    write_captions(output, result);
    fields[count++] = (struct json_field){output->options.key, output->captions.bytes, false};
    if (form->scores) {
        write_scores(output, result);
        fields[count++] = (struct json_field){OUTPUT_SCORES, output->scores.bytes, false};
    }
    if (lines && form->image) {
        buffer_clear(&output->image);
        write_row(&output->image, result->image, form->image);
        fields[count++] = (struct json_field){"image_embedding", output->image.bytes, false};
    }
    if (lines && form->text) {
        write_texts(output, result);
        fields[count++] = (struct json_field){"text_embeddings", output->texts.bytes, false};
    }
    return count;
}

// ---- samples

static void choose(struct output *output, const struct result *result) {
    const struct output_options *o = &output->options;
    output->count = 0;
    for (int i = 0; result && i < o->form.captions; i++)
        if (!o->filters || result->scores[i] >= (float)o->least_score) output->kept[output->count++] = i;
}

int output_add(struct output *output, struct source *source, const struct sample *sample, const struct result *result,
               struct output_counts *counts, char **defect) {
    *defect = NULL;
    choose(output, result);
    int status = output->shard->to_tar ? output_add_to_tar(output, source, sample, result, defect)
                                       : output_add_line(output, sample, result, defect);
    const bool is_captioned = result && !*defect;
    *counts = (struct output_counts){is_captioned ? output->count : 0,
                                     is_captioned ? output->options.form.captions - output->count : 0};
    return status;
}
