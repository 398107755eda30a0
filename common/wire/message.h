// One message: a MessagePack header and up to 15 tensors. This file owns the wire's names, version and limits.
//
// Header: a map with the keys of message.c's table: version, kind, run, generation, step, microbatch, microbatches (M),
// from, first, samples, fields (named numbers and texts), tensors (name, dtype, shape, bytes, place). A place is 0, the
// next frame, or 1: the bytes lie in memory that both ends can open, the host's or a GPU's, and the next frame holds a
// struct shared_place. Recordings have place 0 only. Unknown keys are skipped. Names, run ids and texts are UTF-8
// without control characters.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/tensor.h"

#define WIRE_VERSION 1
#define WIRE_HEADER_LIMIT (64 << 10) // bytes
#define WIRE_DEPTH_LIMIT 4
#define WIRE_KEYS 64    // in one map of the header
#define WIRE_TENSORS 15 // and the header: 16 frames
#define WIRE_FIELDS 32
#define WIRE_NAME 32  // bytes of a role, a field's name, with NUL
#define WIRE_TEXT 256 // bytes of a field's text, with NUL
#define WIRE_RUN 40

enum message_kind {
    MESSAGE_HELLO,   // first on a connection: role, rank, version, fingerprint
    MESSAGE_WELCOME, // its answer
    MESSAGE_REFUSE,  // its other answer: why
    MESSAGE_PROBE,   // asks nothing; the sender learns whether the peer is there
    MESSAGE_ASK,     // consumer → worker: unit wanted
    MESSAGE_DATA,    // tensors of (step, microbatch)
    MESSAGE_END,     // nothing comes after; as an answer: that unit lies beyond the data
    MESSAGE_TOLD,    // a word of the protocol above, which the wire carries and does not know
    MESSAGE_KINDS
};
const char *message_kind_name(enum message_kind kind); // "hello", …; not of MESSAGE_TOLD, whose name is its word
enum message_kind message_kind_of(const char *name);   // MESSAGE_TOLD for what is no name of the wire's own
bool message_word_valid(const char *word); // what can be told: a-z, 0-9 and '-', short enough, no name of the wire's

enum field_kind { FIELD_INT, FIELD_REAL, FIELD_TEXT };
struct message_field {
    char name[WIRE_NAME];
    enum field_kind kind;
    int64_t integer;
    double real;
    char text[WIRE_TEXT];
};

// Where a tensor lies that does not travel itself: so many bytes into the memory that the handle names. Handles are the
// model's backend's.
#define WIRE_HANDLE 112
struct shared_place {
    int64_t offset;
    unsigned char handle[WIRE_HANDLE];
    // A 32-bit word in host memory that the reader sets to 0 when it is done; below 0: the edge's protocol tells.
    int64_t word;
    unsigned char word_handle[WIRE_HANDLE];
};

// A unit of work: samples first … first + samples of microbatch (step, microbatch).
struct unit {
    int64_t step;
    int32_t microbatch;
    int64_t first;
    int32_t samples;
};

// Owns its tensors' bytes; always released by message_free, or by a call that takes `struct message **` and nulls it.
struct message {
    int version; // WIRE_VERSION but in a hello or refuse of another version
    enum message_kind kind;
    char word[WIRE_NAME]; // of MESSAGE_TOLD; "" of the others
    char run[WIRE_RUN];
    int64_t generation;
    struct unit unit;     // step and microbatch of every message; first and samples where they mean something
    int32_t microbatches; // M, 0 where unknown
    char from[WIRE_NAME]; // role of the sender
    int32_t rank;
    struct message_field field[WIRE_FIELDS];
    int field_count;
    struct tensor tensor[WIRE_TENSORS]; // data is 64-byte aligned
    bool shared[WIRE_TENSORS];          // data is a struct shared_place
    int tensor_count;
    struct message_storage *storage; // of the tensors; the wire's own
};

struct message *message_new(enum message_kind kind, struct unit unit);
struct message *message_tell(const char *word, struct unit unit); // a MESSAGE_TOLD; a word that is not valid is a bug()
const char *message_name(const struct message *message);          // its kind's name, or its word
void message_free(struct message **message);

// Adds a tensor and returns its memory, to be filled. More than WIRE_TENSORS, a name twice, or f64 is a bug().
void *message_add(struct message *message, const char *name, enum dtype dtype, struct shape shape);
// Adds a tensor whose bytes stay where they are until the reader is done with them, as the protocol of the edge tells.
void message_add_shared(struct message *message, const char *name, enum dtype dtype, struct shape shape,
                        const struct shared_place *place);
// Strings as one u8 tensor, each NUL-terminated.
void message_add_strings(struct message *message, const char *name, const char *const *text, int count);

void message_set_int(struct message *message, const char *name, int64_t value);
void message_set_real(struct message *message, const char *name, double value);
void message_set_text(struct message *message, const char *name, const char *value); // cut to WIRE_TEXT, made printable

// Reading what a peer sent: each returns 0 or -EXIT_RUN, reported with sender, unit and what is missing or misshapen.
int message_tensor(const struct message *message, const char *name, enum dtype dtype, struct shape shape,
                   const void **data); // a dimension of −1 in `shape` takes any size
// The same of a tensor that may lie in shared memory: *place says where, or is NULL and *data is set.
int message_placed_tensor(const struct message *message, const char *name, enum dtype dtype, struct shape shape,
                          const void **data, const struct shared_place **place);
// The first dimension of a tensor, wherever its bytes are; 0 when it is absent.
int64_t message_rows(const struct message *message, const char *name);
int message_int(const struct message *message, const char *name, int64_t *value);
int message_real(const struct message *message, const char *name,
                 double *value);                                           // NaN and infinities travel as they are
const char *message_text(const struct message *message, const char *name); // borrowed, "" when absent
// NULL when absent, or in shared memory.
const struct tensor *message_find(const struct message *message, const char *name);
// The i-th string of a strings tensor, or NULL.
const char *message_string(const struct message *message, const char *name, int index);
