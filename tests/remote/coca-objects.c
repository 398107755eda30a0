// Objects from the shell, for tests: looks at them, streams, reads and puts them. What is known of objects lies in a
// file in between: "BYTES TAB TAG TAB XXH64 TAB URL" a line, "-" for what is not known.
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/lines.h"
#include "base/text.h"
#include "remote/objects.h"

static const char usage[] =
    "coca-objects [OPTION] look URL ...                 what is known, as lines; missing ones as \"missing TAB URL\"\n"
    "coca-objects [OPTION] stream URL ...               the bytes; with --known FILE of what is in it\n"
    "coca-objects [OPTION] read KNOWN [OFFSET SIZE]     the bytes of all of them, or of these places, in turn\n"
    "coca-objects [OPTION] put URL PATH\n"
    "--cache DIR, --cache-bytes N, --retries N, --stall S, --known FILE, --block N, --hash, --ahead, --lines,\n"
    "--together N (threads that read all, each in an order of its own)\n";

static volatile sig_atomic_t is_stopped;
static struct remote_options options;
static struct object *object;
static int objects_known;
static size_t block = 1 << 16;
static bool hashes, ahead, in_lines;
static int together;

static void on_signal(int number) {
    (void)number;
    is_stopped = 1;
}

static bool stopped(void) {
    return is_stopped;
}

static void add(struct object one) {
    object = xrealloc_array(object, (size_t)objects_known + 1, sizeof *object);
    object[objects_known++] = one;
}

static void add_line(const char *line, size_t size) {
    struct strings part = {0};
    char *text = xstrndup(line, size);
    text_split(&part, text, "\t");
    if (part.count != 4) die(EXIT_DATA, "not a line of what is known: %s", text);
    struct object one = {.url = xstrdup(part.item[3]), .bytes = -1};
    if (strcmp(part.item[0], "-")) one.bytes = strtoll(part.item[0], NULL, 10);
    if (strcmp(part.item[1], "-")) one.tag = xstrdup(part.item[1]);
    one.is_hashed = hash_parse(&one.hash, part.item[2]);
    add(one);
    strings_release(&part);
    free(text);
}

static void know(const char *path) {
    struct buffer text = {0};
    struct lines lines;
    const char *line;
    size_t size;
    if (file_read(path, 1 << 26, &text)) exit(EXIT_DATA);
    lines_begin(&lines, text.bytes, text.size);
    while (lines_next(&lines, &line, &size)) add_line(line, size);
    buffer_release(&text);
}

static void show(const struct object *one) {
    char hash[HASH_TEXT_SIZE] = "-";
    if (one->is_hashed) hash_format(hash, one->hash);
    if (one->bytes < 0)
        printf("-");
    else
        printf("%lld", (long long)one->bytes);
    printf("\t%s\t%s\t%s\n", one->tag ? one->tag : "-", hash, one->url);
}

static int stream(struct object *one, FILE *to) {
    struct object_stream *from;
    int status = object_stream_open(&from, one, &options);
    if (status) return status;
    char *bytes = xmalloc(block);
    ssize_t got;
    while ((got = object_stream_read(from, bytes, block)) > 0)
        if (to) fwrite(bytes, 1, (size_t)got, to);
    free(bytes);
    object_stream_close(&from);
    return (int)got;
}

static int look(char **url) {
    for (; *url; url++) {
        struct object one;
        bool there;
        int status = object_look(&one, *url, &options, &there);
        if (status) return status;
        if (there && hashes) status = stream(&one, NULL);
        if (!there)
            printf("missing\t%s\n", one.url);
        else if (!status)
            show(&one);
        object_release(&one);
        if (status) return status;
    }
    return 0;
}

static int stream_all(char **url) {
    for (; *url; url++) add((struct object){.url = xstrdup(*url), .bytes = -1});
    int status = 0;
    for (int i = 0; i < objects_known && !status; i++) status = stream(&object[i], stdout);
    return status;
}

// In blocks; as it is, or with --lines as one line of its hash.
static int read_one(struct objects *objects, int number) {
    struct buffer bytes = {0};
    int status = 0;
    for (int64_t at = 0; at < object[number].bytes && !status; at += (int64_t)block) {
        const int64_t left = object[number].bytes - at;
        status = objects_read(objects, number, at, left < (int64_t)block ? (size_t)left : block, &bytes);
    }
    if (!status && in_lines)
        printf("%016llx %s\n", (unsigned long long)hash_bytes(bytes.bytes, bytes.size, 0), object[number].url);
    else if (!status && bytes.size)
        fwrite(bytes.bytes, 1, bytes.size, stdout);
    buffer_release(&bytes);
    return status;
}

struct reader {
    pthread_t thread;
    struct objects *objects;
    int first, status;
};

static void *read_from(void *context) {
    struct reader *self = context;
    for (int i = 0; i < objects_known && !self->status; i++)
        self->status = read_one(self->objects, (self->first + i) % objects_known);
    return NULL;
}

static int read_together(struct objects *objects) {
    struct reader *reader = xcalloc((size_t)together, sizeof *reader);
    int status = 0;
    for (int i = 0; i < together; i++) {
        reader[i] = (struct reader){.objects = objects, .first = i * objects_known / together};
        if (pthread_create(&reader[i].thread, NULL, read_from, &reader[i])) die(EXIT_RUN, "no thread");
    }
    for (int i = 0; i < together; i++) {
        pthread_join(reader[i].thread, NULL);
        if (!status) status = reader[i].status;
    }
    free(reader);
    return status;
}

static int read_place(struct objects *objects, int number, char **place) {
    struct buffer bytes = {0};
    const int status =
        objects_read(objects, number, strtoll(place[0], NULL, 10), (size_t)strtoll(place[1], NULL, 10), &bytes);
    if (!status && bytes.size) fwrite(bytes.bytes, 1, bytes.size, stdout);
    buffer_release(&bytes);
    return status;
}

static int read_all(char **argument) {
    struct objects *objects;
    know(argument[0]);
    int status = objects_open(&objects, object, objects_known, &options);
    int *order = xcalloc((size_t)objects_known + 1, sizeof *order);
    for (int i = 0; i < objects_known; i++) order[i] = i;
    if (!status && ahead) objects_ahead(objects, order, objects_known);
    if (!status && together) status = read_together(objects);
    for (int i = 0; i < objects_known && !status && !together; i++)
        status = argument[1] ? read_place(objects, i, argument + 1) : read_one(objects, i);
    free(order);
    objects_close(&objects);
    return status;
}

static int run(char **argument) {
    const char *command = argument[0] && (argument[1] || objects_known) ? argument[0] : "";
    if (!strcmp(command, "look")) return look(argument + 1);
    if (!strcmp(command, "stream")) return stream_all(argument + 1);
    if (!strcmp(command, "read")) return read_all(argument + 1);
    if (!strcmp(command, "put") && argument[2]) return object_put(argument[1], argument[2], &options);
    fputs(usage, stderr);
    return -EXIT_USAGE;
}

static const struct option names[] = {
    {"cache", 1, NULL, 'c'}, {"cache-bytes", 1, NULL, 'n'}, {"retries", 1, NULL, 'r'}, {"stall", 1, NULL, 's'},
    {"known", 1, NULL, 'k'}, {"block", 1, NULL, 'b'},       {"hash", 0, NULL, 'h'},    {"ahead", 0, NULL, 'a'},
    {"lines", 0, NULL, 'l'}, {"together", 1, NULL, 't'},    {NULL, 0, NULL, 0},
};

static void set(int option) {
    switch (option) {
    case 'c': options.cache = optarg; return;
    case 'n': options.cache_bytes = strtoll(optarg, NULL, 10); return;
    case 'r': options.retries = strtoll(optarg, NULL, 10); return;
    case 's': options.stall_seconds = strtod(optarg, NULL); return;
    case 'k': know(optarg); return;
    case 'b': block = (size_t)strtoll(optarg, NULL, 10); return;
    case 'h': hashes = true; return;
    case 'a': ahead = true; return;
    case 'l': in_lines = true; return;
    case 't': together = (int)strtol(optarg, NULL, 10); return;
    default: fputs(usage, stderr); exit(EXIT_USAGE);
    }
}

int main(int argc, char **argv) {
    fail_name("coca-objects");
    options = REMOTE_DEFAULTS;
    options.stopped = stopped;
    signal(SIGTERM, on_signal);
    for (int option; (option = getopt_long(argc, argv, "+", names, NULL)) != -1;) set(option);
    const int status = run(argv + optind);
    for (int i = 0; i < objects_known; i++) object_release(&object[i]);
    free(object);
    if (fflush(stdout)) return EXIT_RUN;
    return -status;
}
