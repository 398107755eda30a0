// Features are the largest message of a step, and sender and receiver of a run are often on one host: then the bytes
// stay in memory that both have mapped, and a message carries 240 bytes that say where. The sender's stage asks for a
// place to write, the receiver's for a place to read; neither knows whether it is a slot or a message's own bytes.
//
// Who may write when. In training nobody asks: slot i is written for the i-th own microbatch of a step and read by the
// one peer before it sends its `norm`; `scale`, without which no next step begins, comes after all norms. So a slot is
// written again only after its reader is done. Served slots have a word each: the writer sets it to 1 and nobody else
// does; the reader sets it to 0, with release order after its last read, which the writer's acquire sees before it
// writes again.
#include "train/slots.h"

#include <stdlib.h>
#include <string.h>

#include "ops/host_memory.h"
#include "tensor/arena.h"

_Static_assert(SHARED_HANDLE == WIRE_HANDLE, "a handle does not fit into a message");

struct slots {
    struct ops *ops;
    const struct edge *served; // its consumer says what it opens; NULL in training
    struct channel channel;    // in training, of M microbatches in a step
    int microbatches;
    struct shared_memory memory;
    struct shared_memory words; // of served slots: one for each, 1 while it is taken
    size_t stride;              // bytes from slot to slot
    int count;
    int reader; // its device number
    bool made;  // as far as memory can be had
};

static uint32_t *word_of(const struct shared_memory *words, int64_t at) {
    return (uint32_t *)words->at + at / (int64_t)sizeof(uint32_t);
}

// Pages of the host's that two processes share count for both.
struct memory_bytes slots_bytes(const struct part *part, int64_t count, int64_t bytes) {
    const int64_t device = ops_in_host_memory(part->ops) ? 0 : count * bytes;
    return (struct memory_bytes){.device = device, .host = 2 * count * bytes};
}

static struct slots *new_slots(const struct part *part, int reader, int count, size_t bytes) {
    struct slots *slots = xcalloc(1, sizeof *slots);
    slots->ops = part->ops;
    slots->reader = reader;
    slots->count = count;
    slots->stride = (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    return slots;
}

static void make_memory(struct slots *slots) {
    if (slots->made) return;
    slots->made = true;
    slots->ops->share(slots->ops, &slots->memory, slots->stride * (size_t)slots->count, slots->reader);
    if (slots->served) host_share(slots->ops, &slots->words, (size_t)slots->count * sizeof(uint32_t), 0);
}

// Whether the ranks of a stage have a GPU each, whose number only they know (part_open_backend).
static bool are_on_many(const struct run *run, const struct stage_row *row, const char *device) {
    return run_replicas(run, row->threads) > 1 && !strcmp(device, "cuda");
}

// The reader's device number, or -1 where its backend is not the part's or the number is not known.
static int reader_of(const struct part *part, const char *role) {
    const struct stage_row *row = stage_find(role);
    char *reader = run_device(part->run, row->device), *writer = run_device(part->run, part->row->device);
    const bool known = !are_on_many(part->run, row, reader) && !are_on_many(part->run, part->row, writer);
    int index = known && ops_same_backend(reader, writer) ? ops_device_index(reader) : -1;
    free(reader);
    free(writer);
    return index;
}

static bool may_share(const struct run *run, const struct edge *edge) {
    return edge && run->options.transport == TRANSPORT_SHARED;
}

struct slots *slots_new(const struct part *part, const struct channel *channel, int count, size_t bytes) {
    bool trains = part->run->options.control && run_trains(part->run);
    if (!trains || !may_share(part->run, channel->edge)) return NULL;
    int reader = reader_of(part, channel->peer[0].role);
    if (reader < 0) return NULL;
    struct slots *slots = new_slots(part, reader, count, bytes);
    slots->channel = *channel;
    slots->microbatches = run_microbatches(part->run);
    return slots;
}

struct slots *slots_new_served(const struct part *part, const struct edge *edge, const char *consumer, int count,
                               size_t bytes) {
    const bool local = may_share(part->run, edge) && edge_is_local(edge, ANYBODY);
    int reader = local ? reader_of(part, consumer) : -1;
    if (reader < 0) return NULL;
    struct slots *slots = new_slots(part, reader, count, bytes);
    slots->served = edge;
    return slots;
}

void slots_free(struct slots **slots) {
    if (!*slots) return;
    if ((*slots)->memory.at) (*slots)->ops->close_shared((*slots)->ops, &(*slots)->memory);
    host_close_shared((*slots)->ops, &(*slots)->words);
    free(*slots);
    *slots = NULL;
}

// A slot that the reader has given back, now taken; -1 when there is none.
static int take_free(struct slots *slots) {
    for (int i = 0; i < slots->count; i++) {
        uint32_t *word = word_of(&slots->words, i * (int64_t)sizeof *word);
        if (__atomic_load_n(word, __ATOMIC_ACQUIRE)) continue;
        __atomic_store_n(word, 1, __ATOMIC_RELAXED);
        return i;
    }
    return -1;
}

static bool consumer_opens(const struct slots *slots) {
    return strcmp(edge_consumer_shares(slots->served), slots->ops->backend) == 0;
}

// Whether who reads it is on this host: of several ranks some may be.
static bool reader_is_here(const struct slots *slots, int microbatch) {
    if (slots->served) return consumer_opens(slots);
    return edge_is_local(slots->channel.edge, channel_address(&slots->channel, microbatch, slots->microbatches));
}

// The slot to write, or -1 where the message must carry the bytes. `own`: the microbatch's place, in training.
static int choose_slot(struct slots *slots, int own, int microbatch) {
    if (!slots || !reader_is_here(slots, microbatch)) return -1;
    make_memory(slots);
    if (!slots->memory.at || (slots->served && !slots->words.at)) return -1;
    if (slots->served) return take_free(slots);
    if (own >= slots->count) bug("slot %d of %d", own, slots->count);
    return own;
}

void *slots_add(struct slots *slots, int own, struct message *message, const char *name, enum dtype dtype,
                struct shape shape) {
    int slot = choose_slot(slots, own, message->unit.microbatch);
    if (slot < 0) return message_add(message, name, dtype, shape);
    struct shared_place place = {.offset = (int64_t)slots->stride * slot, .word = -1};
    memcpy(place.handle, slots->memory.handle, sizeof place.handle);
    if (slots->served) {
        place.word = slot * (int64_t)sizeof(uint32_t);
        memcpy(place.word_handle, slots->words.handle, sizeof place.word_handle);
    }
    message_add_shared(message, name, dtype, shape, &place);
    return (char *)slots->memory.at + place.offset;
}

// ---- the reader

static int cannot_open(const struct message *message, const char *name) {
    return error(
        EXIT_USAGE,
        "%s from %s lie in memory that cannot be opened here; unless %s has just died, it runs as another user, "
        "in another container or on a GPU out of reach: give --transport frames",
        name, message->from, message->from);
}

// The memory of one peer.
struct slot_writer {
    struct shared_memory memory, words;
};

static bool is_open_as(const struct shared_memory *memory, const unsigned char handle[WIRE_HANDLE]) {
    return memory->at && memcmp(memory->handle, handle, WIRE_HANDLE) == 0;
}

static void close_last(struct slot_reader *reader) {
    struct slot_writer *writer = reader->writer[--reader->writers];
    if (writer->memory.at) reader->ops->close_shared(reader->ops, &writer->memory);
    host_close_shared(reader->ops, &writer->words);
    free(writer);
}

// The one with this memory comes first, or a new one.
static struct slot_writer *find_writer(struct slot_reader *reader, const unsigned char handle[WIRE_HANDLE]) {
    struct slot_writer *writer;
    int at = 0;
    while (at < reader->writers && !is_open_as(&reader->writer[at]->memory, handle)) at++;
    if (at == SLOT_WRITERS) close_last(reader);
    writer = at < reader->writers ? reader->writer[at] : xcalloc(1, sizeof *writer);
    if (at >= reader->writers) at = reader->writers++;
    memmove(reader->writer + 1, reader->writer, (size_t)at * sizeof *reader->writer);
    return reader->writer[0] = writer;
}

static void open_memory(struct slot_reader *reader, struct slot_writer *writer, const struct shared_place *place) {
    if (is_open_as(&writer->memory, place->handle)) return;
    memcpy(writer->memory.handle, place->handle, WIRE_HANDLE);
    reader->ops->open_shared(reader->ops, &writer->memory);
}

static void open_words(struct slot_reader *reader, struct slot_writer *writer, const struct shared_place *place) {
    if (place->word < 0 || is_open_as(&writer->words, place->word_handle)) return;
    host_close_shared(reader->ops, &writer->words);
    memcpy(writer->words.handle, place->word_handle, WIRE_HANDLE);
    host_open_shared(reader->ops, &writer->words);
}

// Whether `bytes` from `at` on lie in the memory.
static bool holds(const struct shared_memory *memory, int64_t at, int64_t bytes, int64_t align) {
    int64_t end = (int64_t)memory->bytes;
    return at >= 0 && at % align == 0 && at <= end && bytes <= end - at;
}

int slot_read(struct slot_reader *reader, const struct message *message, const char *name, enum dtype dtype,
              struct shape shape, const void **rows) {
    const struct shared_place *place;
    int status = message_placed_tensor(message, name, dtype, shape, rows, &place);
    if (status || !place) return status;
    struct slot_writer *writer = find_writer(reader, place->handle);
    open_memory(reader, writer, place);
    open_words(reader, writer, place);
    bool has_word = place->word >= 0;
    if (!writer->memory.at || (has_word && !writer->words.at)) return cannot_open(message, name);
    if (!holds(&writer->memory, place->offset, shape_bytes(shape, dtype), ARENA_ALIGN) ||
        (has_word && !holds(&writer->words, place->word, sizeof(uint32_t), sizeof(uint32_t))))
        return error(EXIT_RUN, "%s from %s lie outside of its shared memory", name, message->from);
    if (has_word) reader->taken = word_of(&writer->words, place->word);
    *rows = (const char *)writer->memory.at + place->offset;
    return 0;
}

void slot_give_back(struct slot_reader *reader) {
    if (!reader->taken) return;
    reader->ops->finish(reader->ops);
    __atomic_store_n(reader->taken, 0, __ATOMIC_RELEASE);
    reader->taken = NULL;
}

void slot_reader_close(struct slot_reader *reader) {
    while (reader->writers) close_last(reader);
    reader->taken = NULL;
}
