#include "train/slots.h"

#include <stdlib.h>
#include <string.h>

#include "tensor/arena.h"
#include "train/run_options.h"

_Static_assert(SHARED_HANDLE <= WIRE_HANDLE, "a handle does not fit into a message");

struct slots {
    struct ops *ops;
    struct shared_memory memory;
    size_t stride; // bytes from slot to slot
};

// Pages of the host's that two processes share count for both.
struct memory_bytes slots_bytes(const struct part *part, int64_t count, int64_t bytes) {
    int64_t free_bytes;
    part->ops->free_memory(part->ops, &free_bytes);
    return (struct memory_bytes){.device = free_bytes < 0 ? 0 : count * bytes, .host = 2 * count * bytes};
}

// The reader's device number, or -1 where its backend is not the part's.
static int reader_of(bool image_reads) {
    char *reader = run_device(image_reads), *writer = run_device(!image_reads);
    int index = ops_same_backend(reader, writer) ? ops_device_index(reader) : -1;
    free(reader);
    free(writer);
    return index;
}

static bool may_share(const struct edge *edge) {
    return edge && edge_is_local(edge) && run_options.control && run_trains() &&
           run_options.transport == TRANSPORT_SHARED;
}

struct slots *slots_new(const struct part *part, const struct edge *edge, bool image_reads, int count, size_t bytes) {
    int reader = may_share(edge) ? reader_of(image_reads) : -1;
    if (reader < 0) return NULL;
    struct slots *slots = xcalloc(1, sizeof *slots);
    slots->ops = part->ops;
    slots->stride = (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    part->ops->share(part->ops, &slots->memory, slots->stride * (size_t)count, reader);
    if (!slots->memory.at) slots_free(&slots);
    return slots;
}

void slots_free(struct slots **slots) {
    if (!*slots) return;
    (*slots)->ops->close_shared((*slots)->ops, &(*slots)->memory);
    free(*slots);
    *slots = NULL;
}

void *slots_add(const struct slots *slots, int slot, struct message *message, const char *name, enum dtype dtype,
                struct shape shape) {
    if (!slots) return message_add(message, name, dtype, shape);
    struct shared_place place = {.offset = (int64_t)slots->stride * slot};
    memcpy(place.handle, slots->memory.handle, sizeof slots->memory.handle);
    message_add_shared(message, name, dtype, shape, &place);
    return (char *)slots->memory.at + place.offset;
}

// ---- the reader

static int cannot_open(const struct message *message, const char *name) {
    return error(EXIT_USAGE,
                 "%s from %s lie in memory that cannot be opened here (another user, container or GPU?); train with "
                 "--transport frames",
                 name, message->from);
}

static bool is_open(const struct slot_reader *reader, const struct shared_place *place) {
    return reader->memory.at && memcmp(reader->memory.handle, place->handle, sizeof reader->memory.handle) == 0;
}

static void reopen(struct slot_reader *reader, const struct shared_place *place) {
    slot_reader_close(reader);
    memcpy(reader->memory.handle, place->handle, sizeof reader->memory.handle);
    reader->ops->open_shared(reader->ops, &reader->memory);
}

int slot_read(struct slot_reader *reader, const struct message *message, const char *name, enum dtype dtype,
              struct shape shape, const void **rows) {
    const struct shared_place *place;
    int status = message_placed_tensor(message, name, dtype, shape, rows, &place);
    if (status || !place) return status;
    if (!is_open(reader, place)) reopen(reader, place);
    if (!reader->memory.at) return cannot_open(message, name);
    int64_t bytes = shape_bytes(shape, dtype), end = (int64_t)reader->memory.bytes;
    if (place->offset < 0 || place->offset % ARENA_ALIGN || place->offset > end || bytes > end - place->offset)
        return error(EXIT_RUN, "%s from %s lie outside of its shared memory", name, message->from);
    *rows = (const char *)reader->memory.at + place->offset;
    return 0;
}

void slot_reader_close(struct slot_reader *reader) {
    if (reader->memory.at) reader->ops->close_shared(reader->ops, &reader->memory);
}
