// coca-score embed: all embeddings of one encoder, gathered in memory and written as one matrix. Row n is sample n,
// always: one that could not be read is a row of zeros, which is similar to nothing, and the exit code says so.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "commands.h"
#include "embeddings.h"
#include "pull.h"
#include "run/run_model.h"
#include "run/run_options.h"
#include "tensor/npy.h"
#include "tensor/safetensors.h"
#include "train/protocol.h"

static const char manual[] =
    "Asks one encoder for all its embeddings and writes them to a file, in the order of the samples.\n"
    "\n"
    "  embeddings  in   embedding f32 [B,E], ids i64 [B], names B strings; from image-encode or text-decode\n"
    "\n"
    "--out FILE.npy holds the matrix f32 [N,E]; FILE.safetensors holds embedding f32 [N,E], ids i64 [N], and\n"
    "names u8, each ended by a NUL, when the samples come from a list. What could not be read (a picture that\n"
    "does not decode, an empty text) keeps its row, which is zero, and the exit code is 3 after all is written.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage, 3 bad data, 4 peer lost.";

enum { EMBED_IMAGES, EMBED_TEXTS };
static const char *const roles[] = {[EMBED_IMAGES] = ROLE_IMAGE, [EMBED_TEXTS] = ROLE_TEXT};

static struct {
    char *out, *names;
    int role;
} own;
#define FIELD(member) offsetof(__typeof__(own), member)
static const struct option rows[] = {
    {"out", OPTION_TEXT, FIELD(out), "FILE", NULL, 0, 0, "the embeddings: FILE.npy or FILE.safetensors", OPTION_LOCAL},
    {"names", OPTION_TEXT, FIELD(names), "FILE", NULL, 0, 0,
     "writes one line for each row: its name, or its id when it has none", OPTION_LOCAL},
    {"role", OPTION_CHOICE, FIELD(role), ROLE_IMAGE "|" ROLE_TEXT, ROLE_IMAGE, 0, 0, "whose embeddings", OPTION_LOCAL},
};

enum { OWN, RUN, TABLES };
static struct option_table tables[TABLES] = {[OWN] = {rows, sizeof rows / sizeof *rows, &own, NULL}};

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && !strcmp(text + length - tail, end);
}

static struct embeddings all;

static int prepare(const struct strings *operands) {
    struct model_config model;
    (void)operands;
    if (!own.out || !(ends_with(own.out, ".npy") || ends_with(own.out, ".safetensors")))
        return error(EXIT_USAGE, "--out FILE.npy or FILE.safetensors says where the embeddings go");
    return run_join(&model, &tables[RUN]);
}

// Drops are known while their message is taken: its rows are zeroed then.
static int take(void *context, const struct message *message) {
    const int64_t first = all.count;
    int status = embeddings_add(context, message);
    for (int64_t i = first; i < all.count; i++)
        if (pull_is_dropped(all.id[i])) memset(all.row + i * all.E, 0, (size_t)all.E * sizeof *all.row);
    return status;
}

static void join_names(struct buffer *joined) {
    for (size_t i = 0; i < all.names.count; i++)
        buffer_append(joined, all.names.item[i], strlen(all.names.item[i]) + 1);
}

static int write_embeddings(void) {
    struct buffer names = {0};
    join_names(&names);
    const struct tensor tensors[] = {
        {"embedding", DT_F32, SHAPE(all.count, all.E), all.row},
        {"ids", DT_I64, SHAPE(all.count), all.id},
        {"names", DT_U8, SHAPE((int64_t)names.size), names.bytes},
    };
    int status = ends_with(own.out, ".npy")
                     ? npy_write(own.out, &tensors[0])
                     : safetensors_write(own.out, tensors, names.size ? 3 : 2, NULL, 0, NULL, NULL);
    buffer_release(&names);
    return status;
}

static int write_names(void) {
    struct aside aside;
    int status = aside_open(&aside, own.names);
    if (status) return status;
    for (int64_t i = 0; i < all.count; i++)
        if (all.names.count == (size_t)all.count)
            fprintf(aside.file, "%s\n", all.names.item[i]);
        else
            fprintf(aside.file, "%" PRId64 "\n", all.id[i]);
    return aside_commit(&aside);
}

static int write_all(void) {
    int status = all.count ? write_embeddings() : error(EXIT_DATA, "no embedding came");
    if (!status && own.names) status = write_names();
    if (status) return status;
    note("%" PRId64 " embeddings of width %" PRId64 " in %s", all.count, all.E, own.out);
    if (!pull_dropped()) return 0;
    return error(EXIT_DATA, "%" PRId64 " of %" PRId64 " samples could not be had: their rows are zero", pull_dropped(),
                 all.count);
}

static int run(struct hub *hub) {
    const struct peer_group encoders = {roles[own.role], 1};
    struct stream stream = {.from = {roles[own.role], ANY_RANK}, .take = take, .context = &all};
    struct edge *edge;
    int status = pull_open(hub, &edge, "embeddings", run_options.embeddings, &encoders, 1);
    if (!status) status = pull_all(edge, &stream, 1, "embed", 0);
    if (!status) status = write_all();
    embeddings_release(&all);
    return status;
}

const struct stage *embed_command(void) {
    static const struct stage stage = {.name = "coca-score embed",
                                       .role = "score",
                                       .summary = "writes the embeddings of pictures or texts to a file",
                                       .manual = manual,
                                       .tables = tables,
                                       .table_count = TABLES,
                                       .prepare = prepare,
                                       .run = run};
    tables[RUN] = run_options_table;
    return &stage;
}
