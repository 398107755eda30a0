// A message in memory: kinds and words, its tensors with the frames that own their bytes, its fields; and reading it
// with errors that name sender and unit. Bytes on the wire are codec.c's, what the words mean is the protocol's above.
#include "wire/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "tensor/arena.h"
#include "wire/storage.h"

static const char *const kind_names[MESSAGE_KINDS] = {
    [MESSAGE_HELLO] = "hello", [MESSAGE_WELCOME] = "welcome", [MESSAGE_REFUSE] = "refuse", [MESSAGE_PROBE] = "probe",
    [MESSAGE_ASK] = "ask",     [MESSAGE_DATA] = "data",       [MESSAGE_END] = "end",
};

const char *message_kind_name(enum message_kind kind) {
    return kind_names[kind];
}

enum message_kind message_kind_of(const char *name) {
    for (int kind = 0; kind < MESSAGE_TOLD; kind++)
        if (strcmp(kind_names[kind], name) == 0) return kind;
    return MESSAGE_TOLD;
}

bool message_word_valid(const char *word) {
    size_t length = strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return length > 0 && length < WIRE_NAME && !word[length] && message_kind_of(word) == MESSAGE_TOLD;
}

enum { FRAME_WORTH_MOVING = 4096 }; // bytes

static void free_bytes(void *bytes, void *hint) {
    (void)hint;
    free(bytes);
}

void storage_own(struct message *message, void *aligned, size_t bytes) {
    struct message_storage *storage = message->storage;
    message->tensor[storage->count].data = aligned;
    if (zmq_msg_init_data(&storage->frame[storage->count], aligned, bytes, free_bytes, NULL))
        die(EXIT_RUN, "out of memory for a message of %zu bytes", bytes);
    storage->count++;
}

void storage_own_frame(struct message *message, zmq_msg_t *frame) {
    struct message_storage *storage = message->storage;
    size_t bytes = zmq_msg_size(frame);
    const void *data = zmq_msg_data(frame);
    // A short frame may live inside the zmq_msg_t and would move with it.
    if (bytes >= FRAME_WORTH_MOVING && (uintptr_t)data % ARENA_ALIGN == 0) {
        zmq_msg_t *mine = &storage->frame[storage->count];
        zmq_msg_init(mine);
        zmq_msg_move(mine, frame);
        message->tensor[storage->count++].data = zmq_msg_data(mine);
        return;
    }
    void *copy = xaligned(bytes);
    memcpy(copy, data, bytes);
    storage_own(message, copy, bytes);
}

struct message *message_new(enum message_kind kind, struct unit unit) {
    struct message *message = xcalloc(1, sizeof *message);
    message->version = WIRE_VERSION;
    message->kind = kind;
    message->unit = unit;
    message->storage = xcalloc(1, sizeof *message->storage);
    return message;
}

struct message *message_tell(const char *word, struct unit unit) {
    if (!message_word_valid(word)) bug("'%s' cannot be told", word);
    struct message *message = message_new(MESSAGE_TOLD, unit);
    strcpy(message->word, word);
    return message;
}

const char *message_name(const struct message *message) {
    return message->kind == MESSAGE_TOLD ? message->word : kind_names[message->kind];
}

void message_free(struct message **message) {
    if (!*message) return;
    for (int i = 0; i < (*message)->storage->count; i++) zmq_msg_close(&(*message)->storage->frame[i]);
    free((*message)->storage);
    free(*message);
    *message = NULL;
}

static int index_of(const struct message *message, const char *name) {
    int i = message->tensor_count - 1;
    while (i >= 0 && strcmp(message->tensor[i].name, name) != 0) i--;
    return i;
}

// The next tensor, whose frame has so many bytes.
static void *add(struct message *message, const char *name, enum dtype dtype, struct shape shape, size_t frame) {
    if (message->tensor_count == WIRE_TENSORS) bug("tensor '%s' is one too many for a message", name);
    if (strlen(name) >= TENSOR_NAME || index_of(message, name) >= 0) bug("tensor name '%s' is too long or taken", name);
    if (shape_bytes(shape, dtype) < 0 || dtype == DT_F64) bug("tensor '%s' cannot travel: %s", name, dtype_name(dtype));
    struct tensor *tensor = &message->tensor[message->tensor_count++];
    strcpy(tensor->name, name);
    tensor->dtype = dtype;
    tensor->shape = shape;
    storage_own(message, xaligned(frame), frame);
    return tensor->data;
}

void *message_add(struct message *message, const char *name, enum dtype dtype, struct shape shape) {
    return add(message, name, dtype, shape, (size_t)shape_bytes(shape, dtype));
}

void message_add_shared(struct message *message, const char *name, enum dtype dtype, struct shape shape,
                        const struct shared_place *place) {
    memcpy(add(message, name, dtype, shape, sizeof *place), place, sizeof *place);
    message->shared[message->tensor_count - 1] = true;
}

void message_add_strings(struct message *message, const char *name, const char *const *text, int count) {
    struct buffer bytes = {0};
    for (int i = 0; i < count; i++) buffer_append(&bytes, text[i], strlen(text[i]) + 1);
    void *data = message_add(message, name, DT_U8, SHAPE((int64_t)bytes.size));
    if (bytes.size) memcpy(data, bytes.bytes, bytes.size);
    buffer_release(&bytes);
}

static const struct message_field *find_field(const struct message *message, const char *name) {
    for (int i = 0; i < message->field_count; i++)
        if (strcmp(message->field[i].name, name) == 0) return &message->field[i];
    return NULL;
}

static struct message_field *set_field(struct message *message, const char *name, enum field_kind kind) {
    struct message_field *field = (struct message_field *)find_field(message, name);
    if (!field) {
        if (message->field_count == WIRE_FIELDS || strlen(name) >= WIRE_NAME)
            bug("field '%s' does not fit into a message", name);
        field = &message->field[message->field_count++];
        strcpy(field->name, name);
    }
    field->kind = kind;
    return field;
}

void message_set_int(struct message *message, const char *name, int64_t value) {
    set_field(message, name, FIELD_INT)->integer = value;
}

void message_set_real(struct message *message, const char *name, double value) {
    set_field(message, name, FIELD_REAL)->real = value;
}

void message_set_text(struct message *message, const char *name, const char *value) {
    struct message_field *field = set_field(message, name, FIELD_TEXT);
    size_t size = strlen(value);
    bool utf8 = utf8_valid(value, size);
    if (size >= WIRE_TEXT) size = utf8 ? utf8_cut(value, size, WIRE_TEXT - 1) : WIRE_TEXT - 1;
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)value[i];
        field->text[i] = byte < 0x20 || byte == 0x7f ? ' ' : byte >= 0x80 && !utf8 ? '?' : (char)byte;
    }
    field->text[size] = 0;
}

// Reports that the message lacks something, with sender and unit.
static int lacks(const struct message *message, const char *what, const char *name, const char *detail) {
    return error(EXIT_RUN, "%s (%lld, %d) from %s %d: %s '%s'%s", message_name(message), (long long)message->unit.step,
                 message->unit.microbatch, message->from, message->rank, what, name, detail);
}

const struct tensor *message_find(const struct message *message, const char *name) {
    int i = index_of(message, name);
    return i < 0 || message->shared[i] ? NULL : &message->tensor[i];
}

int64_t message_rows(const struct message *message, const char *name) {
    int i = index_of(message, name);
    return i < 0 || !message->tensor[i].shape.rank ? 0 : message->tensor[i].shape.dim[0];
}

static bool shape_matches(struct shape wanted, struct shape found) {
    if (wanted.rank != found.rank) return false;
    for (int i = 0; i < wanted.rank; i++)
        if (wanted.dim[i] >= 0 && wanted.dim[i] != found.dim[i]) return false;
    return true;
}

// The number of a tensor of this dtype and shape, or -EXIT_RUN.
static int checked_index(const struct message *message, const char *name, enum dtype dtype, struct shape shape) {
    int i = index_of(message, name);
    if (i < 0) return lacks(message, "no tensor", name, "");
    const struct tensor *tensor = &message->tensor[i];
    if (tensor->dtype == dtype && shape_matches(shape, tensor->shape)) return i;
    char wanted[SHAPE_TEXT], found[SHAPE_TEXT], detail[2 * SHAPE_TEXT + 60];
    snprintf(detail, sizeof detail, " is %s %s where %s %s is wanted (-1: any)", dtype_name(tensor->dtype),
             shape_format(tensor->shape, found), dtype_name(dtype), shape_format(shape, wanted));
    return lacks(message, "tensor", name, detail);
}

int message_tensor(const struct message *message, const char *name, enum dtype dtype, struct shape shape,
                   const void **data) {
    int i = checked_index(message, name, dtype, shape);
    if (i < 0) return i;
    if (message->shared[i]) return lacks(message, "tensor", name, " lies in shared memory, which is not read here");
    *data = message->tensor[i].data;
    return 0;
}

int message_placed_tensor(const struct message *message, const char *name, enum dtype dtype, struct shape shape,
                          const void **data, const struct shared_place **place) {
    int i = checked_index(message, name, dtype, shape);
    if (i < 0) return i;
    *place = message->shared[i] ? message->tensor[i].data : NULL;
    *data = message->shared[i] ? NULL : message->tensor[i].data;
    return 0;
}

int message_int(const struct message *message, const char *name, int64_t *value) {
    const struct message_field *field = find_field(message, name);
    if (!field || field->kind != FIELD_INT) return lacks(message, "no whole number", name, "");
    *value = field->integer;
    return 0;
}

int message_real(const struct message *message, const char *name, double *value) {
    const struct message_field *field = find_field(message, name);
    if (!field || field->kind != FIELD_REAL) return lacks(message, "no real number", name, "");
    *value = field->real;
    return 0;
}

const char *message_text(const struct message *message, const char *name) {
    const struct message_field *field = find_field(message, name);
    return field && field->kind == FIELD_TEXT ? field->text : "";
}

const char *message_string(const struct message *message, const char *name, int index) {
    const struct tensor *tensor = message_find(message, name);
    if (!tensor || tensor->dtype != DT_U8) return NULL;
    const char *text = tensor->data, *end = text + tensor_bytes(tensor);
    while (text < end) {
        const char *stop = memchr(text, 0, (size_t)(end - text));
        if (!stop) return NULL; // the last string is not terminated
        if (index-- == 0) return text;
        text = stop + 1;
    }
    return NULL;
}
