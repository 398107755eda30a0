// A shard and what came of its pictures become one file, and another with what became of its samples, which gets its
// name first: a shard that is there has both.
#include "relabel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "folder.h"
#include "json_edit.h"
#include "remote/object.h"

struct assembly {
    const struct relabel *relabel;
    struct work *work;
    struct source *source;
    struct output *output;
    FILE *named; // bad samples, a line of JSON each, since a shard may have any number
    struct shard_stats stats;
};

static int cannot_write(const struct assembly *assembly, const char *name) {
    return error(EXIT_RUN, "%s/%s: cannot be written: %s", assembly->relabel->here, name, strerror(errno));
}

static void name_bad(struct assembly *assembly, const struct sample *sample, const char *reason) {
    struct buffer line = {0}, key = {0};
    text_escape(&key, sample->key.bytes, sample->key.size);
    buffer_text(&line, assembly->stats.bad++ ? ",\n    {\"key\": " : "\n    {\"key\": ");
    json_text(&line, key.bytes ? key.bytes : "", key.size);
    buffer_text(&line, ", \"reason\": ");
    json_text(&line, reason, strlen(reason));
    buffer_text(&line, "}");
    fwrite(line.bytes, 1, line.size, assembly->named);
    buffer_release(&key);
    buffer_release(&line);
}

// ---- samples

static int changed(const struct assembly *assembly) {
    return error(EXIT_DATA, "%s: changed while it was read: nothing is written for it", assembly->work->shard->from);
}

static int add_sample(struct assembly *assembly, const struct sample *sample) {
    struct result result;
    struct output_counts counts;
    char *defect;
    const char *reason = sample->defect.size ? sample->defect.bytes : NULL;
    if (sample->is_one && !reason) {
        const int got = results_next(assembly->work->results, &result);
        if (got < 1) return got ? got : changed(assembly);
        reason = result.defect;
    }
    const bool is_captioned = sample->is_one && !reason;
    int status =
        output_add(assembly->output, assembly->source, sample, is_captioned ? &result : NULL, &counts, &defect);
    if (!reason && defect) reason = defect;
    assembly->stats.samples += sample->is_one;
    assembly->stats.captioned += is_captioned && !reason;
    assembly->stats.captions += counts.captions;
    assembly->stats.filtered += counts.filtered;
    if (reason) name_bad(assembly, sample, reason);
    free(defect);
    return status;
}

static int add_samples(struct assembly *assembly) {
    const struct sample *sample;
    struct result rest;
    int status = results_rewind(assembly->work->results);
    if (status) return status;
    while ((status = source_next(assembly->source, &sample)) == 1)
        if ((status = add_sample(assembly, sample))) return status;
    if (!status) status = results_next(assembly->work->results, &rest);
    return status == 1 ? changed(assembly) : status;
}

static int write_shard(struct assembly *assembly, const char *path) {
    struct work *work = assembly->work;
    int status = source_open(&assembly->source, work->shard, &work->plain, SOURCE_WRITES);
    if (!status) status = output_open(&assembly->output, work->shard, path, &assembly->relabel->output);
    if (!status) status = add_samples(assembly);
    if (!status) status = output_close(&assembly->output);
    output_abandon(&assembly->output);
    source_close(&assembly->source);
    return status;
}

// ---- what became of them

static void copy_named(const struct assembly *assembly, FILE *to) {
    char block[4096];
    size_t got;
    rewind(assembly->named);
    while ((got = fread(block, 1, sizeof block, assembly->named))) fwrite(block, 1, got, to);
}

static int write_stats(const struct assembly *assembly, const char *path) {
    const struct shard_stats *stats = &assembly->stats;
    struct aside aside;
    int status = ferror(assembly->named) ? cannot_write(assembly, "a list of bad samples") : aside_open(&aside, path);
    if (status) return status;
    fprintf(aside.file,
            "{\n  \"samples\": %lld,\n  \"captioned\": %lld,\n  \"captions\": %lld,\n  \"filtered\": %lld,\n"
            "  \"bad\": %lld,\n  \"bad_samples\": [",
            (long long)stats->samples, (long long)stats->captioned, (long long)stats->captions,
            (long long)stats->filtered, (long long)stats->bad);
    copy_named(assembly, aside.file);
    fputs(stats->bad ? "\n  ]\n}\n" : "]\n}\n", aside.file);
    return aside_commit(&aside);
}

// ---- names

static int put(const struct assembly *assembly, const char *from, const char *name) {
    char *url = xformat("%s/%s", assembly->relabel->to, name);
    int status = object_put(url, from, NULL);
    free(url);
    return status ? -EXIT_RUN : 0;
}

// Somebody else who worked at the same shard may have finished it, and removed what was aside.
static int give_name(const struct assembly *assembly, const char *from, const char *name) {
    if (assembly->relabel->to_is_remote) return put(assembly, from, name);
    char *path = path_join(assembly->relabel->here, name);
    int status = 0;
    if (rename(from, path)) {
        if (errno != ENOENT || !file_exists(path)) status = cannot_write(assembly, name);
    } else
        status = path_sync(path);
    free(path);
    return status;
}

// A file of this process's own, whoever else works at the shard.
static char *aside_path(const struct assembly *assembly, const char *what) {
    char *path = xformat("%s/%s.XXXXXX", assembly->work->aside, what);
    const int fd = mkstemp(path);
    if (fd >= 0 && !fchmod(fd, 0644)) {
        close(fd);
        return path;
    }
    cannot_write(assembly, what);
    free(path);
    return NULL;
}

// Has no name, and goes with the process.
static FILE *open_nameless(const struct assembly *assembly) {
    char *path = aside_path(assembly, "bad");
    FILE *file = path ? fopen(path, "w+be") : NULL;
    if (path) remove(path);
    free(path);
    return file;
}

static int write_files(struct assembly *assembly, const char *shard, const char *stats) {
    char *name = folder_stats_name(assembly->work->shard->name);
    int status = write_shard(assembly, shard);
    if (!status) status = write_stats(assembly, stats);
    if (!status) status = give_name(assembly, stats, name);
    if (!status) status = give_name(assembly, shard, assembly->work->shard->name);
    free(name);
    return status;
}

int assemble(const struct relabel *self, struct work *work) {
    struct assembly assembly = {.relabel = self, .work = work};
    int status = directory_make(work->aside); // it is gone where somebody else has finished the shard
    if (status) return status;
    char *shard = aside_path(&assembly, "shard"), *stats = aside_path(&assembly, "stats");
    assembly.named = open_nameless(&assembly);
    status = shard && stats && assembly.named ? write_files(&assembly, shard, stats) : -EXIT_RUN;
    if (assembly.named) fclose(assembly.named);
    free(shard);
    free(stats);
    return status;
}
