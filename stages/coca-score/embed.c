// coca-score embed: all embeddings of one encoder, gathered in memory and written as one matrix. Row n is sample n,
// always: one that could not be read is a row of zeros, which is similar to nothing, and the exit code says so.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "commands.h"
#include "embeddings.h"
#include "train/pull.h"
#include "stage/option_rows.h"
#include "tensor/npy.h"
#include "tensor/safetensors.h"
#include "train/stages.h"

static const char manual[] =
    "Asks one encoder for all its embeddings and writes them to a file, in the order of the samples.\n"
    "\n"
    "  embeddings  in   embedding f32 [B,E], ids i64 [B], names B strings; from image-encode or text-decode\n"
    "\n"
    "--out FILE.npy holds the matrix f32 [N,E]; FILE.safetensors holds embedding f32 [N,E], ids i64 [N], and\n"
    "names u8, each ended by a NUL, when the samples come from a list. What could not be read (a picture that\n"
    "does not decode, an empty text) keeps its row, which is zero, and the exit code is 3 after all is written.\n"
    "In the lines of --names line ends, tabs, other characters that act on a terminal and bytes that are not UTF-8\n"
    "are \\xNN, a backslash before an x \\x5c.\n"
    "\n"
    "Exit codes: 0 done, 1 run-time failure, 2 usage, 3 bad data, 4 peer lost.";

enum { EMBED_IMAGES, EMBED_TEXTS };
static const char *const roles[] = {[EMBED_IMAGES] = ROLE_IMAGE, [EMBED_TEXTS] = ROLE_TEXT};

// Of the run's options.
static const char used[] = "model pretrained image-size batch-size microbatch window embeddings";

struct embed {
    struct run run;
    struct {
        char *out, *names;
        int role;
    } own;
    struct pull pull;
    struct embeddings all;
};

#define FIELD(member) offsetof(__typeof__(((struct embed *)0)->own), member)
static const struct option rows[] = {
    TEXT("out", out, "FILE", NULL, "the embeddings: FILE.npy or FILE.safetensors", OPTION_LOCAL | OPTION_OUTPUT),
    TEXT("names", names, "FILE", NULL, "writes one line for each row: its name, or its id when it has none",
         OPTION_LOCAL | OPTION_OUTPUT),
    CHOICE("role", role, ROLE_IMAGE "|" ROLE_TEXT, ROLE_IMAGE, "whose embeddings", OPTION_LOCAL),
};

static int prepare(void *context, const struct strings *operands) {
    struct embed *embed = context;
    const char *out = embed->own.out;
    struct model_config model;
    (void)operands;
    if (!out || !(text_ends_alike(out, ".npy") || text_ends_alike(out, ".safetensors")))
        return error(EXIT_USAGE, "--out FILE.npy or FILE.safetensors says where the embeddings go");
    return run_join(&embed->run, &model);
}

// Drops are known while their message is taken: its rows are zeroed then.
static int take(void *context, const struct message *message) {
    struct embed *embed = context;
    struct embeddings *all = &embed->all;
    const int64_t first = all->count;
    int status = embeddings_add(all, message);
    for (int64_t i = first; i < all->count; i++)
        if (pull_is_dropped(&embed->pull, all->id[i]))
            memset(all->row + i * all->E, 0, (size_t)all->E * sizeof *all->row);
    return status;
}

static void join_names(const struct embeddings *all, struct buffer *joined) {
    for (size_t i = 0; i < all->names.count; i++)
        buffer_append(joined, all->names.item[i], strlen(all->names.item[i]) + 1);
}

static int write_embeddings(const struct embeddings *all, const char *path) {
    struct buffer names = {0};
    join_names(all, &names);
    const struct tensor tensors[] = {
        {"embedding", DT_F32, SHAPE(all->count, all->E), all->row},
        {"ids", DT_I64, SHAPE(all->count), all->id},
        {"names", DT_U8, SHAPE((int64_t)names.size), names.bytes},
    };
    int status = text_ends_alike(path, ".npy") ? npy_write(path, &tensors[0])
                                         : safetensors_write(path, tensors, names.size ? 3 : 2, NULL, 0, NULL, NULL);
    buffer_release(&names);
    return status;
}

static int write_names(const struct embeddings *all, const char *path) {
    struct aside aside;
    int status = aside_open(&aside, path);
    if (status) return status;
    struct buffer lines = {0};
    for (int64_t i = 0; i < all->count; i++) {
        if (all->names.count == (size_t)all->count)
            text_escape(&lines, all->names.item[i], strlen(all->names.item[i]));
        else
            buffer_format(&lines, "%" PRId64, all->id[i]);
        buffer_text(&lines, "\n");
    }
    fwrite(lines.bytes, 1, lines.size, aside.file);
    buffer_release(&lines);
    return aside_commit(&aside);
}

static int write_all(const struct embed *embed) {
    const struct embeddings *all = &embed->all;
    const int64_t dropped = embed->pull.dropped;
    int status = all->count ? write_embeddings(all, embed->own.out) : error(EXIT_DATA, "no embedding came");
    if (!status && embed->own.names) status = write_names(all, embed->own.names);
    if (status) return status;
    note("%" PRId64 " embeddings of width %" PRId64 " in %s", all->count, all->E, embed->own.out);
    if (!dropped) return 0;
    return error(EXIT_DATA, "%" PRId64 " of %" PRId64 " samples could not be had: their rows are zero", dropped,
                 all->count);
}

static int run(void *context, struct hub *hub) {
    struct embed *embed = context;
    const char *const awaited[] = {roles[embed->own.role], NULL};
    struct stream stream = {.role = awaited[0], .take = take, .context = embed};
    int status = pull_open(&embed->pull, &embed->run, hub, "embeddings", embed->run.options.embeddings, awaited);
    if (!status) status = pull_all(&embed->pull, &stream, 1, "embed", 0);
    return status ? status : write_all(embed);
}

static void release(void *context) {
    struct embed *embed = context;
    embeddings_release(&embed->all);
    pull_close(&embed->pull);
}

int embed_main(const struct command *command, int argc, char **argv) {
    struct embed embed = {.all = {0}};
    struct option_table own = OPTION_TABLE(rows, &embed.own);
    struct option_table *const tables[] = {&own, &embed.run.table, NULL};
    const struct stage stage = {.name = "coca-score embed",
                                .role = "score",
                                .summary = command->summary,
                                .manual = manual,
                                .tables = tables,
                                .context = &embed,
                                .prepare = prepare,
                                .run = run,
                                .close = release};
    run_init(&embed.run, used);
    return stage_main(&stage, argc, argv);
}
