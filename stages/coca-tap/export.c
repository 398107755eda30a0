// coca-tap export: the tensors of a recording, joined along their first axis, in a file that other programs read. A
// recording has one tensor of B samples a message; what NumPy or PyTorch want is one of all samples. Messages come in
// ascending (s, m), so joined rows stand in the order of the samples.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "tensor/npy.h"
#include "tensor/safetensors.h"

static struct settings {
    char *out, *from;
    struct strings tensor;
    bool text;
} settings;

#define AT(field) offsetof(struct settings, field)
static const struct option rows[] = {
    {.help = "Exporting"},
    {"out", OPTION_TEXT, AT(out), "FILE", NULL, 0, 0, "FILE.safetensors, or FILE.npy for one tensor", 0},
    {"tensor", OPTION_LIST, AT(tensor), "NAME", NULL, 0, 0, "only this tensor", 0},
    {"from", OPTION_TEXT, AT(from), "ROLE", NULL, 0, 0, "only messages of this stage", 0},
    {"text", OPTION_FLAG, AT(text), NULL, NULL, 0, 0,
     "print a line \"name TAB text\" for each sample, of the tensors `names` (without it: the id) and `text`", 0},
};
static struct option_table tables[] = {{rows, COUNT(rows), &settings, NULL}};

// A tensor's pieces so far, joined along the first axis.
struct joined {
    char name[TENSOR_NAME];
    enum dtype dtype;
    struct shape shape; // dim[0] grows
    struct buffer bytes;
};
static struct {
    struct joined *item;
    int count;
} all;

static bool is_wanted(const char *name) {
    for (size_t i = 0; i < settings.tensor.count; i++)
        if (strcmp(settings.tensor.item[i], name) == 0) return true;
    return settings.tensor.count == 0;
}

static struct joined *find_or_begin(const struct tensor *tensor) {
    for (int i = 0; i < all.count; i++)
        if (strcmp(all.item[i].name, tensor->name) == 0) return &all.item[i];
    all.item = xrealloc_array(all.item, (size_t)all.count + 1, sizeof *all.item);
    struct joined *joined = &all.item[all.count++];
    *joined = (struct joined){.dtype = tensor->dtype, .shape = tensor->shape};
    strcpy(joined->name, tensor->name);
    joined->shape.dim[0] = 0;
    return joined;
}

static int join(const struct message *message, const struct tensor *tensor) {
    char shape[SHAPE_TEXT];
    struct joined *joined = find_or_begin(tensor);
    struct shape row = tensor->shape, expected = joined->shape;
    if (row.rank > 0) row.dim[0] = expected.dim[0] = 0;
    if (row.rank == 0 || tensor->dtype != joined->dtype || !shape_equal(row, expected))
        return error(EXIT_DATA, "(%" PRId64 ", %d): %s %s %s cannot be joined to the ones before", message->unit.step,
                     message->unit.microbatch, tensor->name, dtype_name(tensor->dtype),
                     shape_format(tensor->shape, shape));
    joined->shape.dim[0] += tensor->shape.dim[0];
    buffer_append(&joined->bytes, tensor->data, (size_t)tensor_bytes(tensor));
    return 0;
}

static int join_message(const struct message *message) {
    int status = 0;
    for (int i = 0; i < message->tensor_count && status == 0; i++)
        if (is_wanted(message->tensor[i].name)) status = join(message, &message->tensor[i]);
    return status;
}

static int print_texts(const struct message *message) {
    const struct tensor *ids = message_find(message, "ids");
    const char *text, *name;
    for (int i = 0; (text = message_string(message, "text", i)); i++) {
        name = message_string(message, "names", i);
        if (name)
            printf("%s", name);
        else if (ids && ids->dtype == DT_I64 && i < shape_count(ids->shape))
            printf("%" PRId64, ((const int64_t *)ids->data)[i]);
        printf("\t%s\n", text);
    }
    return 0;
}

static int read_all(struct recording *recording) {
    struct message *message;
    int status;
    while ((status = recording_read(recording, &message)) == 0 && message) {
        bool speaks = !settings.from || strcmp(message->from, settings.from) == 0;
        if (speaks) status = settings.text ? print_texts(message) : join_message(message);
        message_free(&message);
        if (status) break;
    }
    return status;
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length > tail && strcmp(text + length - tail, end) == 0;
}

static int write_npy(const struct tensor *tensor) {
    if (all.count == 1) return npy_write(settings.out, tensor);
    return error(EXIT_USAGE, "%d tensors do not fit into one .npy; choose with --tensor NAME", all.count);
}

static int write_all(void) {
    struct tensor *tensor = xcalloc((size_t)all.count, sizeof *tensor);
    int status;
    for (int i = 0; i < all.count; i++) {
        const struct joined *joined = &all.item[i];
        tensor[i] = (struct tensor){.dtype = joined->dtype, .shape = joined->shape, .data = joined->bytes.bytes};
        strcpy(tensor[i].name, joined->name);
    }
    if (all.count == 0)
        status = error(EXIT_DATA, "there is nothing to export: no message has such a tensor");
    else if (ends_with(settings.out, ".npy"))
        status = write_npy(tensor);
    else
        status = safetensors_write(settings.out, tensor, (size_t)all.count, NULL, 0, NULL, NULL);
    free(tensor);
    return status;
}

static void forget_all(void) {
    for (int i = 0; i < all.count; i++) buffer_release(&all.item[i].bytes);
    free(all.item);
}

static int check_settings(void) {
    if (settings.text) return 0;
    if (!settings.out) return error(EXIT_USAGE, "--out FILE or --text is needed");
    if (ends_with(settings.out, ".npy") || ends_with(settings.out, ".safetensors")) return 0;
    return error(EXIT_USAGE, "--out %s: the name ends in .safetensors or .npy", settings.out);
}

static int export_recording(const struct strings *operands) {
    const char *path = only_operand(operands, "recording");
    struct recording *recording;
    int status = path ? check_settings() : -EXIT_USAGE;
    if (status == 0) status = recording_open(&recording, path);
    if (status) return status;
    status = read_all(recording);
    recording_abandon(&recording);
    if (status == 0 && !settings.text) status = write_all();
    forget_all();
    return status;
}

const struct tool export_tool = {
    .name = "coca-tap export",
    .summary = "a recording's tensors as safetensors or npy, or its texts as lines",
    .manual =
        "Joins each tensor along its first axis over the messages, in their order: embedding [B,E] of M messages\n"
        "becomes [M*B,E]. bf16 becomes f32 in .npy.",
    .tables = tables,
    .table_count = COUNT(tables),
    .operands = "RECORDING",
    .run = export_recording,
};
