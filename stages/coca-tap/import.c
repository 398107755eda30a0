// coca-tap import: tensors of a whole batch, made by another program, cut into the microbatches of an edge, so that a
// stage can be run on them alone. Sample g of the batch is in microbatch g div B. Each step gets the same samples,
// under numbers that go on (step·G + m·B), as a run numbers its own. Types and dimensions are held to what the edge
// carries, from a table. States, whose rows belong to samples by their groups, are no rows of G and not cut.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/count.h"
#include "stage/option_rows.h"
#include "tap.h"
#include "tensor/safetensors.h"

static const char manual[] =
    "The edge's tensors ([G,...]) and `ids` (i64 [G]; 0 ... G-1 when the file has none) are cut along G into\n"
    "M = G / B microbatches, the same for each of S steps. What is i32 on the edge may be i64 in the file. Pixels are\n"
    "[G,S,S,3], or [G,P,S,S,3] of P pictures a sample; `lengths`, where the file has them, say how many tokens a\n"
    "head reads of each text.";

struct import {
    char *edge, *out;
    int64_t microbatch, steps;
};

#define FIELD(member) offsetof(struct import, member)
static const struct option rows[] = {
    HEADING("Importing"),
    TEXT("edge", edge, "NAME", NULL,
         "images (pixels), tokens (tokens, lengths), labels (labels, shares), features, features-grad (d_features), "
         "embeddings (embedding), embeddings-grad (d_embedding), scores",
         0),
    INT("microbatch", microbatch, "B", NULL, 1, 1 << 20, "samples of a message; divides G", 0),
    INT("steps", steps, "S", "1", 1, INFINITY, "steps, all with the same samples", 0),
    TEXT("out", out, "FILE", NULL, "the recording; - is stdout", OPTION_OUTPUT),
};

// A tensor of an edge. Of two types the first is what travels when the file has neither.
struct column {
    const char *tensor;
    int fewest, most; // dimensions, G included
    enum dtype types[2];
    int64_t least; // value, where i64 becomes i32
    bool optional;
};
// What an edge carries, and who sends it. The first column says how many samples there are.
enum { COLUMNS = 2 };
struct carried {
    const char *edge, *role;
    struct column column[COLUMNS];
};
static const struct carried edges[] = {
    {"images", "decode", {{"pixels", 4, 5, {DT_U8, DT_U8}, 0, false}}},
    {"tokens",
     "tokenize",
     {{"tokens", 2, 2, {DT_I32, DT_I32}, 0, false}, {"lengths", 1, 1, {DT_I32, DT_I32}, 1, true}}},
    {"labels", "label", {{"labels", 2, 2, {DT_I32, DT_I32}, -1, false}, {"shares", 2, 2, {DT_F32, DT_F32}, 0, false}}},
    {"features", "image-encode", {{"features", 3, 3, {DT_F32, DT_BF16}, 0, false}}},
    {"features-grad", "text-decode", {{"d_features", 3, 3, {DT_F32, DT_BF16}, 0, false}}},
    {"embeddings", "image-encode", {{"embedding", 2, 2, {DT_F32, DT_F32}, 0, false}}},
    {"embeddings-grad", "loss", {{"d_embedding", 2, 2, {DT_F32, DT_F32}, 0, false}}},
    {"scores", "head", {{"scores", 2, 2, {DT_F32, DT_F32}, 0, false}}},
};

static const struct carried *find_edge(const char *name) {
    struct buffer names = {0};
    for (int i = 0; i < (int)(sizeof edges / sizeof *edges); i++) {
        if (name && strcmp(edges[i].edge, name) == 0) {
            buffer_release(&names);
            return &edges[i];
        }
        buffer_format(&names, "%s%s", i ? ", " : "", edges[i].edge);
    }
    error(EXIT_USAGE, "--edge NAME is needed, one of %s", names.bytes);
    buffer_release(&names);
    return NULL;
}

// What is cut, and how: views of the file, or of memory made here.
struct batch {
    const struct import *import;
    const struct carried *carried;
    struct tensor tensor[COLUMNS], ids;
    bool has[COLUMNS];
    int64_t G;
    void *narrowed[COLUMNS], *counted; // owned, or NULL
};

static bool is_type(const struct tensor *tensor, const enum dtype *types) {
    return tensor->dtype == types[0] || tensor->dtype == types[1];
}

// Ids of tokens and classes as other frameworks keep them, i64, into the wire's i32.
static int narrow(struct tensor *tensor, int64_t least, void **owned) {
    const int64_t *wide = tensor->data;
    int64_t count = shape_count(tensor->shape);
    int32_t *narrowed = *owned = xcalloc((size_t)count, sizeof *narrowed);
    for (int64_t i = 0; i < count; i++) {
        if (wide[i] < least || wide[i] > INT32_MAX)
            return error(EXIT_DATA, "`%s`: number %" PRId64 " is %" PRId64, tensor->name, i, wide[i]);
        narrowed[i] = (int32_t)wide[i];
    }
    tensor->data = narrowed;
    tensor->dtype = DT_I32;
    return 0;
}

static int check_kind(const struct batch *batch, const struct column *column, const struct tensor *found, bool wide,
                      const char *path) {
    char shape[SHAPE_TEXT];
    const bool fits = found->shape.rank >= column->fewest && found->shape.rank <= column->most;
    if (!fits || !(is_type(found, column->types) || wide))
        return error(EXIT_DATA, "%s: `%s` is %s %s; edge %s carries %s with %d dimensions", path, column->tensor,
                     dtype_name(found->dtype), shape_format(found->shape, shape), batch->carried->edge,
                     dtype_name(column->types[0]), column->fewest);
    if (tensor_bytes(found) == 0)
        return error(EXIT_DATA, "%s: `%s` is %s and so holds nothing", path, column->tensor,
                     shape_format(found->shape, shape));
    if (batch->G && found->shape.dim[0] != batch->G)
        return error(EXIT_DATA, "%s: `%s` is %s, and there are %" PRId64 " samples", path, column->tensor,
                     shape_format(found->shape, shape), batch->G);
    return 0;
}

static int take_column(struct batch *batch, int index, const struct safetensors *file, const char *path) {
    const struct column *column = &batch->carried->column[index];
    const struct tensor *found = safetensors_find(file, column->tensor);
    if (!found && column->optional) return 0;
    if (!found)
        return error(EXIT_DATA, "%s: there is no tensor `%s`, which edge %s carries", path, column->tensor,
                     batch->carried->edge);
    const bool wide = found->dtype == DT_I64 && column->types[0] == DT_I32;
    int status = check_kind(batch, column, found, wide, path);
    if (status) return status;
    batch->tensor[index] = *found;
    batch->has[index] = true;
    batch->G = found->shape.dim[0];
    return wide ? narrow(&batch->tensor[index], column->least, &batch->narrowed[index]) : 0;
}

static int take_tensors(struct batch *batch, const struct safetensors *file, const char *path) {
    int status = 0;
    for (int i = 0; i < COLUMNS && batch->carried->column[i].tensor && !status; i++)
        status = take_column(batch, i, file, path);
    return status;
}

// Ids only tell samples apart here; numbers from 0 do.
static int take_ids(struct batch *batch, const struct safetensors *file, const char *path) {
    const struct tensor *found = safetensors_find(file, "ids");
    if (found && (found->dtype != DT_I64 || !shape_equal(found->shape, SHAPE(batch->G))))
        return error(EXIT_DATA, "%s: `ids` is not i64 [%" PRId64 "]", path, batch->G);
    if (found) {
        batch->ids = *found;
        return 0;
    }
    int64_t *counted = batch->counted = xcalloc((size_t)batch->G, sizeof *counted);
    for (int64_t i = 0; i < batch->G; i++) counted[i] = i;
    batch->ids = (struct tensor){.name = "ids", .dtype = DT_I64, .shape = SHAPE(batch->G), .data = counted};
    return 0;
}

// Rows first … first + B of a tensor.
static void add_rows(struct message *message, const struct tensor *tensor, int64_t first, int64_t B) {
    struct shape shape = tensor->shape;
    int64_t row = shape.dim[0] ? tensor_bytes(tensor) / shape.dim[0] : 0;
    shape.dim[0] = B;
    void *cut = message_add(message, tensor->name, tensor->dtype, shape);
    memcpy(cut, (const char *)tensor->data + first * row, (size_t)(B * row));
}

// Numbers as a run would give them, so that a stage that checks them finds nothing strange.
static int write_step(struct recording *out, const struct batch *batch, int64_t step) {
    int64_t B = batch->import->microbatch, M = batch->G / B;
    int status = 0;
    for (int64_t m = 0; m < M && status == 0; m++) {
        struct message *message =
            message_new(MESSAGE_DATA, (struct unit){step, (int32_t)m, step * batch->G + m * B, (int32_t)B});
        message->microbatches = (int32_t)M;
        strcpy(message->from, batch->carried->role);
        for (int i = 0; i < COLUMNS; i++)
            if (batch->has[i]) add_rows(message, &batch->tensor[i], m * B, B);
        add_rows(message, &batch->ids, m * B, B);
        status = recording_write(out, message);
        message_free(&message);
    }
    return status;
}

// Microbatches are counted in 32 bits, the samples of all steps in 64.
static int check_counts(const struct batch *batch) {
    const struct import *import = batch->import;
    int64_t samples;
    if (batch->G % import->microbatch)
        return error(EXIT_USAGE, "--microbatch %" PRId64 " does not divide the %" PRId64 " samples", import->microbatch,
                     batch->G);
    if (batch->G / import->microbatch > INT32_MAX)
        return error(EXIT_USAGE, "--microbatch %" PRId64 " makes too many of %" PRId64 " samples; choose a larger one",
                     import->microbatch, batch->G);
    if (!count_multiply(batch->G, import->steps, &samples))
        return error(EXIT_USAGE, "--steps %" PRId64 " of %" PRId64 " samples are too many", import->steps, batch->G);
    return 0;
}

// A reader that has had enough is no failure.
static int write_recording(const struct batch *batch) {
    const struct import *import = batch->import;
    struct recording *out;
    int status = check_counts(batch);
    if (!status) status = recording_create(&out, import->out);
    if (status) return status;
    for (int64_t step = 0; step < import->steps && status == 0; step++) status = write_step(out, batch, step);
    if (status == 0) status = recording_close(&out);
    if (out) recording_abandon(&out);
    return status == RECORDING_BROKEN ? 0 : status;
}

static int import_file(const char *path, struct batch *batch) {
    struct safetensors file;
    int status = safetensors_open(&file, path);
    if (status) return status;
    status = take_tensors(batch, &file, path);
    if (status == 0) status = take_ids(batch, &file, path);
    if (status == 0) status = write_recording(batch);
    safetensors_close(&file);
    for (int i = 0; i < COLUMNS; i++) free(batch->narrowed[i]);
    free(batch->counted);
    return status;
}

static int run(void *context, const struct strings *operands) {
    const struct import *import = context;
    const char *path = only_operand(operands, "safetensors file");
    struct batch batch = {.import = import, .carried = path ? find_edge(import->edge) : NULL};
    if (!batch.carried) return -EXIT_USAGE;
    if (!import->out) return error(EXIT_USAGE, "--out FILE is needed");
    if (!import->microbatch) return error(EXIT_USAGE, "--microbatch B is needed");
    return import_file(path, &batch);
}

int import_main(const struct command *command, int argc, char **argv) {
    struct import import = {.edge = NULL};
    struct option_table own = OPTION_TABLE(rows, &import);
    struct option_table *const tables[] = {&own, NULL};
    const struct tool tool = {.name = "coca-tap import",
                              .summary = command->summary,
                              .manual = manual,
                              .tables = tables,
                              .operands = "FILE.safetensors",
                              .context = &import,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
