// coca-tap export: the tensors of a recording, joined along their first axis, in a file that other programs read. A
// recording has one tensor of B samples a message; what NumPy or PyTorch want is one of all samples. Messages come in
// ascending (s, m), so joined rows stand in the order of the samples.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/count.h"
#include "base/text.h"
#include "stage/option_rows.h"
#include "tap.h"
#include "tensor/npy.h"
#include "tensor/safetensors.h"

static const char manual[] =
    "Joins each tensor along its first axis over the messages, in their order: embedding [B,E] of M messages\n"
    "becomes [M*B,E]. bf16 becomes f32 in .npy.";

// A tensor's pieces so far, joined along the first axis.
struct joined {
    char name[TENSOR_NAME];
    enum dtype dtype;
    struct shape shape; // dim[0] grows
    struct buffer bytes;
};

struct export {
    char *out, *from;
    struct strings tensor;
    bool text;
    struct joined *item; // [count]
    int count;
};

#define FIELD(member) offsetof(struct export, member)
static const struct option rows[] = {
    HEADING("Exporting"),
    TEXT("out", out, "FILE", NULL, "FILE.safetensors, or FILE.npy for one tensor", OPTION_OUTPUT),
    LIST("tensor", tensor, "NAME", "only this tensor", 0),
    TEXT("from", from, "ROLE", NULL, "only messages of this stage", 0),
    FLAG("text", text,
         "print a line \"name TAB text\" for each sample, of the tensors `names` (without it: the id) and `text`", 0),
};

static struct joined *find_or_begin(struct export *export, const struct tensor *tensor) {
    for (int i = 0; i < export->count; i++)
        if (strcmp(export->item[i].name, tensor->name) == 0) return &export->item[i];
    export->item = xrealloc_array(export->item, (size_t) export->count + 1, sizeof *export->item);
    struct joined *joined = &export->item[export->count++];
    *joined = (struct joined){.dtype = tensor->dtype, .shape = tensor->shape};
    strcpy(joined->name, tensor->name);
    joined->shape.dim[0] = 0;
    return joined;
}

// All but the first dimension must stay the same: it is the samples' own shape.
static int join(struct export *export, const struct message *message, const struct tensor *tensor) {
    char shape[SHAPE_TEXT];
    struct joined *joined = find_or_begin(export, tensor);
    struct shape row = tensor->shape, expected = joined->shape;
    if (row.rank > 0) row.dim[0] = expected.dim[0] = 0;
    if (row.rank == 0 || tensor->dtype != joined->dtype || !shape_equal(row, expected))
        return error(EXIT_DATA, "(%" PRId64 ", %d): %s %s %s cannot be joined to the ones before", message->unit.step,
                     message->unit.microbatch, tensor->name, dtype_name(tensor->dtype),
                     shape_format(tensor->shape, shape));
    if (!count_add(joined->shape.dim[0], tensor->shape.dim[0], &joined->shape.dim[0]) ||
        shape_bytes(joined->shape, joined->dtype) < 0)
        return error(EXIT_DATA, "%s: the messages hold more rows than can be counted", tensor->name);
    buffer_append(&joined->bytes, tensor->data, (size_t)tensor_bytes(tensor));
    return 0;
}

static int join_message(struct export *export, const struct message *message) {
    int status = 0;
    for (int i = 0; i < message->tensor_count && status == 0; i++)
        if (is_among(message->tensor[i].name, &export->tensor)) status = join(export, message, &message->tensor[i]);
    return status;
}

static int print_texts(const struct message *message) {
    const struct tensor *ids = message_find(message, "ids");
    struct buffer line = {0};
    const char *text, *name;
    for (int i = 0; (text = message_string(message, "text", i)); i++, buffer_clear(&line)) {
        name = message_string(message, "names", i);
        if (name)
            text_escape(&line, name, strlen(name));
        else if (ids && ids->dtype == DT_I64 && i < shape_count(ids->shape))
            buffer_format(&line, "%" PRId64, ((const int64_t *)ids->data)[i]);
        buffer_text(&line, "\t");
        text_clean(&line, text, strlen(text));
        puts(line.bytes);
    }
    buffer_release(&line);
    return 0;
}

static int read_all(struct export *export, struct recording *recording) {
    struct message *message;
    int status;
    while ((status = recording_read(recording, &message)) == 0 && message) {
        bool speaks = !export->from || strcmp(message->from, export->from) == 0;
        if (speaks) status = export->text ? print_texts(message) : join_message(export, message);
        message_free(&message);
        if (status) break;
    }
    return status;
}

static int write_npy(const struct export *export, const struct tensor *tensor) {
    if (export->count == 1) return npy_write(export->out, tensor);
    return error(EXIT_USAGE, "%d tensors do not fit into one .npy; choose with --tensor NAME", export->count);
}

static int write_all(const struct export *export) {
    struct tensor *tensor = xcalloc((size_t) export->count, sizeof *tensor);
    int status;
    for (int i = 0; i < export->count; i++) {
        const struct joined *joined = &export->item[i];
        tensor[i] = (struct tensor){.dtype = joined->dtype, .shape = joined->shape, .data = joined->bytes.bytes};
        strcpy(tensor[i].name, joined->name);
    }
    if (export->count == 0)
        status = error(EXIT_DATA, "there is nothing to export: no message has such a tensor");
    else if (text_ends_alike(export->out, ".npy"))
        status = write_npy(export, tensor);
    else
        status = safetensors_write(export->out, tensor, (size_t) export->count, NULL, 0, NULL, NULL);
    free(tensor);
    return status;
}

static void forget_all(struct export *export) {
    for (int i = 0; i < export->count; i++) buffer_release(&export->item[i].bytes);
    free(export->item);
}

static int check(const struct export *export) {
    if (export->text) return 0;
    if (!export->out) return error(EXIT_USAGE, "--out FILE or --text is needed");
    if (text_ends_alike(export->out, ".npy") || text_ends_alike(export->out, ".safetensors")) return 0;
    return error(EXIT_USAGE, "--out %s: the name ends in .safetensors or .npy", export->out);
}

static int run(void *context, const struct strings *operands) {
    struct export *export = context;
    const char *path = only_operand(operands, "recording");
    struct recording *recording;
    int status = path ? check(export) : -EXIT_USAGE;
    if (status == 0) status = recording_open(&recording, path);
    if (status) return status;
    status = read_all(export, recording);
    recording_abandon(&recording);
    if (status == 0 && !export->text) status = write_all(export);
    forget_all(export);
    return status;
}

int export_main(const struct command *command, int argc, char **argv) {
    struct export export = {.count = 0};
    struct option_table own = OPTION_TABLE(rows, &export);
    struct option_table *const tables[] = {&own, NULL};
    const struct tool tool = {.name = "coca-tap export",
                              .summary = command->summary,
                              .manual = manual,
                              .tables = tables,
                              .operands = "RECORDING",
                              .context = &export,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
