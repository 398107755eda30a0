// coca-tap diff: compares two recordings message by message, or two .safetensors by the names of their tensors. It is
// how parity with other implementations is shown, and how a change is shown to change nothing. Without --tolerance it
// wants the same bits. With it two bounds hold: the error of the whole tensor, ‖a−b‖/‖b‖, and max|a−b| against max|b|,
// since a single wrong element of a large tensor does not move its norm.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "stage/option_rows.h"
#include "tap.h"
#include "tensor/safetensors.h"

static const char manual[] =
    "Messages are compared in order: kind, step, microbatch, samples, sender, fields and tensors. Run, rank and\n"
    "M are not. Files named .safetensors are compared tensor by tensor. Each difference has a line on stdout.\n"
    "\n"
    "Example, of a run's --dump DIR:\n"
    "  coca-tap diff --tolerance 1e-4 --prefix grad. DIR/grads.safetensors golden.safetensors";

struct diff {
    double tolerance;
    struct strings tensor;
    char *prefix;
    int64_t messages, tensors, different; // counted so far
};

#define FIELD(member) offsetof(struct diff, member)
static const struct option rows[] = {
    HEADING("Comparing"),
    REAL("tolerance", tolerance, "T", "0", 0, INFINITY,
         "relative error |a-b|/|b| (2-norms) that is let pass, with no difference above 10 T times the largest |b|; "
         "0 wants the same bits, as of i32 and i64 always",
         0),
    LIST("tensor", tensor, "NAME", "of two .safetensors: only this tensor", 0),
    TEXT(
        "prefix", prefix, "TEXT", "",
        "of two .safetensors: a tensor of A is in B under TEXT before its name, and those of B without it do not count",
        0),
};

enum { SHOWN = 50 }; // differences with a line of their own

// One line of the table; `where` is the message that differs.
static void differ(struct diff *diff, const struct message *where, const char *format, ...) PRINTF_LIKE(3, 4);
static void differ(struct diff *diff, const struct message *where, const char *format, ...) {
    char words[512];
    struct buffer line = {0};
    va_list list;
    if (++diff->different > SHOWN) return;
    va_start(list, format);
    vsnprintf(words, sizeof words, format, list);
    va_end(list);
    if (where)
        buffer_format(&line, "%s (%" PRId64 ", %d) %s: ", message_name(where), where->unit.step, where->unit.microbatch,
                      where->from);
    text_clean(&line, words, strlen(words));
    puts(line.bytes);
    buffer_release(&line);
}

struct distance {
    double error, largest; // ‖a−b‖₂/‖b‖₂; max|a−b|
    bool within;
};

// Infinities and NaN that both have in the same place: they differ by nothing, and the rest is measured without them,
// since against an infinite norm any error would be none.
static bool are_the_same_limit(double x, double y) {
    return (isnan(x) && isnan(y)) || (isinf(x) && x == y);
}

// Two tensors without an error have none of 0 either, where the quotient would be 0/0.
static struct distance measure(const struct diff *diff, const struct tensor *a, const struct tensor *b) {
    double squares = 0, norm = 0, largest = 0, scale = 0;
    int64_t elements = shape_count(a->shape);
    for (int64_t i = 0; i < elements; i++) {
        double x = tensor_value(a, i), y = tensor_value(b, i), d = fabs(x - y);
        if (are_the_same_limit(x, y)) continue;
        squares += d * d;
        norm += y * y;
        if (isnan(d) || d > largest) largest = d; // a NaN is the largest of all, and stays
        scale = fmax(scale, fabs(y));
    }
    double error = squares == 0 ? 0 : sqrt(squares) / sqrt(norm);
    bool within = error <= diff->tolerance && largest <= 10 * diff->tolerance * scale;
    return (struct distance){error, largest, within};
}

// Samples' ids and tokens, which are names: an id that is off by one is another sample's, however large it is.
static bool holds_names(const struct tensor *tensor) {
    return tensor->dtype == DT_I64 || tensor->dtype == DT_I32;
}

static void compare_names(struct diff *diff, const struct message *where, const struct tensor *a,
                          const struct tensor *b) {
    const int64_t elements = shape_count(a->shape);
    const size_t size = dtype_size(a->dtype);
    char shape[SHAPE_TEXT];
    int64_t differing = 0;
    for (int64_t i = 0; i < elements; i++)
        differing +=
            memcmp((const char *)a->data + (size_t)i * size, (const char *)b->data + (size_t)i * size, size) != 0;
    differ(diff, where, "%s %s %s: %" PRId64 " of %" PRId64 " elements differ", a->name, dtype_name(a->dtype),
           shape_format(a->shape, shape), differing, elements);
}

static void compare_numbers(struct diff *diff, const struct message *where, const struct tensor *a,
                            const struct tensor *b) {
    char shape[SHAPE_TEXT];
    struct distance distance = measure(diff, a, b);
    if (diff->tolerance > 0 && distance.within) return;
    differ(diff, where, "%s %s %s: relative error %.3g, largest difference %.3g", a->name, dtype_name(a->dtype),
           shape_format(a->shape, shape), distance.error, distance.largest);
}

// Bits first: most comparisons end there, and equal bits need no measure.
static void compare_tensor(struct diff *diff, const struct message *where, const struct tensor *a,
                           const struct tensor *b) {
    char shape_a[SHAPE_TEXT], shape_b[SHAPE_TEXT];
    diff->tensors++;
    if (a->dtype != b->dtype || !shape_equal(a->shape, b->shape))
        differ(diff, where, "%s %s %s against %s %s %s", a->name, dtype_name(a->dtype), shape_format(a->shape, shape_a),
               b->name, dtype_name(b->dtype), shape_format(b->shape, shape_b));
    else if (memcmp(a->data, b->data, (size_t)tensor_bytes(a)) == 0)
        return;
    else if (holds_names(a))
        compare_names(diff, where, a, b);
    else
        compare_numbers(diff, where, a, b);
}

// Fields are single numbers, so the relative error is the only measure.
static bool reals_fit(const struct diff *diff, double a, double b) {
    if (a == b || (isnan(a) && isnan(b))) return true;
    return diff->tolerance > 0 && fabs(a - b) <= diff->tolerance * fabs(b);
}

static void compare_field(struct diff *diff, const struct message *where, const struct message_field *a,
                          const struct message_field *b) {
    bool same = strcmp(a->name, b->name) == 0 && a->kind == b->kind;
    if (same && a->kind == FIELD_INT) same = a->integer == b->integer;
    if (same && a->kind == FIELD_REAL) same = reals_fit(diff, a->real, b->real);
    if (same && a->kind == FIELD_TEXT) same = strcmp(a->text, b->text) == 0;
    if (same) return;
    struct buffer one = {0}, other = {0};
    field_format(&one, a);
    field_format(&other, b);
    differ(diff, where, "field %s against %s", one.bytes, other.bytes);
    buffer_release(&one);
    buffer_release(&other);
}

static void compare_contents(struct diff *diff, const struct message *a, const struct message *b) {
    if (a->tensor_count != b->tensor_count || a->field_count != b->field_count) {
        differ(diff, a, "%d tensors and %d fields against %d and %d", a->tensor_count, a->field_count, b->tensor_count,
               b->field_count);
        return;
    }
    for (int i = 0; i < a->field_count; i++) compare_field(diff, a, &a->field[i], &b->field[i]);
    for (int i = 0; i < a->tensor_count; i++) {
        const struct tensor *one = &a->tensor[i], *other = &b->tensor[i];
        if (strcmp(one->name, other->name) != 0)
            differ(diff, a, "%s against %s", one->name, other->name);
        else
            compare_tensor(diff, a, one, other);
    }
}

// Run, rank and generation may differ: they belong to where a recording was made.
static bool stand_for_the_same(const struct message *a, const struct message *b) {
    return strcmp(message_name(a), message_name(b)) == 0 && a->unit.step == b->unit.step &&
           a->unit.microbatch == b->unit.microbatch && a->unit.first == b->unit.first &&
           a->unit.samples == b->unit.samples && strcmp(a->from, b->from) == 0;
}

// 1 when both go on with the same unit, 0 when nothing more can be compared.
// Once the two stand at different units, all that follows would differ: one line says so, and the rest is not compared.
static int compare_messages(struct diff *diff, const struct message *a, const struct message *b) {
    if (!a && !b) return 0;
    if (!a || !b) {
        differ(diff, NULL, "%s ends after %" PRId64 " messages, the other goes on", a ? "B" : "A", diff->messages);
        return 0;
    }
    if (!stand_for_the_same(a, b)) {
        differ(diff, a, "stands where the other has %s (%" PRId64 ", %d) %s, samples %" PRId64 " + %d",
               message_kind_name(b->kind), b->unit.step, b->unit.microbatch, b->from, b->unit.first, b->unit.samples);
        return 0;
    }
    diff->messages++;
    compare_contents(diff, a, b);
    return 1;
}

// One message of each at a time: recordings may be larger than memory.
static int compare(struct diff *diff, struct recording *one, struct recording *other) {
    struct message *a = NULL, *b = NULL;
    int status, go_on = 1;
    do {
        status = recording_read(one, &a);
        if (status == 0) status = recording_read(other, &b);
        if (status == 0) go_on = compare_messages(diff, a, b);
        message_free(&a);
        message_free(&b);
    } while (status == 0 && go_on);
    return status;
}

static int compare_recordings(struct diff *diff, const char *path_a, const char *path_b) {
    struct recording *one, *other;
    int status = recording_open(&one, path_a);
    if (status) return status;
    status = recording_open(&other, path_b);
    if (status == 0) {
        status = compare(diff, one, other);
        recording_abandon(&other);
    }
    recording_abandon(&one);
    return status;
}

// --- two .safetensors

// Tensors of `a` have their partner in `b` under prefix + name.
static void compare_by_name(struct diff *diff, const struct safetensors *a, const struct safetensors *b,
                            const char *prefix) {
    for (size_t i = 0; i < a->count; i++) {
        const char *name = a->tensor[i].name;
        if (!is_among(name, &diff->tensor)) continue;
        char *partner = xformat("%s%s", prefix, name);
        const struct tensor *other = safetensors_find(b, partner);
        if (other)
            compare_tensor(diff, NULL, &a->tensor[i], other);
        else
            differ(diff, NULL, "%s: B has no %s", name, partner);
        free(partner);
    }
}

// Tensors of B under the prefix that A lacks; others of B may be anything, as golden files hold inputs too.
static void find_unmatched(struct diff *diff, const struct safetensors *a, const struct safetensors *b,
                           const char *prefix) {
    size_t length = strlen(prefix);
    for (size_t i = 0; i < b->count; i++) {
        const char *name = b->tensor[i].name;
        if (strncmp(name, prefix, length) != 0 || !is_among(name + length, &diff->tensor)) continue;
        if (!safetensors_find(a, name + length)) differ(diff, NULL, "%s: A has no %s", name, name + length);
    }
}

static int compare_files(struct diff *diff, const char *path_a, const char *path_b) {
    struct safetensors one, other;
    int status = safetensors_open(&one, path_a);
    if (status) return status;
    status = safetensors_open(&other, path_b);
    if (status == 0) {
        compare_by_name(diff, &one, &other, diff->prefix);
        find_unmatched(diff, &one, &other, diff->prefix);
        if (!diff->tensors && !diff->different) status = error(EXIT_DATA, "%s has none of the tensors", path_a);
        safetensors_close(&other);
    }
    safetensors_close(&one);
    return status;
}

// ---

static int report(const struct diff *diff) {
    if (diff->different > SHOWN) printf("... and %" PRId64 " more\n", diff->different - SHOWN);
    printf("%" PRId64 " messages and %" PRId64 " tensors compared, %" PRId64 " differences\n", diff->messages,
           diff->tensors, diff->different);
    return diff->different ? -EXIT_RUN : 0;
}

static int run(void *context, const struct strings *operands) {
    struct diff *diff = context;
    if (operands->count != 2) return error(EXIT_USAGE, "A and B are needed, not %zu operands", operands->count);
    const char *a = operands->item[0], *b = operands->item[1];
    bool files = text_ends_alike(a, ".safetensors");
    if (files != text_ends_alike(b, ".safetensors"))
        return error(EXIT_USAGE, "a recording cannot be compared with a .safetensors");
    if (!files && (diff->tensor.count || *diff->prefix))
        return error(EXIT_USAGE, "--tensor and --prefix are for two .safetensors");
    int status = files ? compare_files(diff, a, b) : compare_recordings(diff, a, b);
    return status ? status : report(diff);
}

int diff_main(const struct command *command, int argc, char **argv) {
    struct diff diff = {.messages = 0};
    struct option_table own = OPTION_TABLE(rows, &diff);
    struct option_table *const tables[] = {&own, NULL};
    const struct tool tool = {.name = "coca-tap diff",
                              .summary = command->summary,
                              .manual = manual,
                              .tables = tables,
                              .operands = "A B",
                              .context = &diff,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
