// coca-relabel page: some results of a job at random, to be looked at. Of the shards that are done those are read that
// were drawn, up to the last sample drawn.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/lines.h"
#include "base/random.h"
#include "base/text.h"
#include "commands.h"
#include "dataset/import/fields.h"
#include "finished.h"
#include "folder.h"
#include "image/image.h"
#include "output.h"
#include "stage/option_rows.h"
#include "text/gallery.h"

static const char manual[] =
    "Writes a page of --results results at random out of the shards that are done in the folder DIR, the job's --to:\n"
    "each picture with its new captions, their CLIPScores and the text that it had. The page is one HTML file that\n"
    "needs no other. The same seed draws the same results of the same shards. Only shards that were drawn are read.\n"
    "\n"
    "Pictures of JSON lines are taken from the job's input, which relabel.json names.\n"
    "\n"
    "Examples:\n"
    "  coca-relabel page relabelled --html results.html\n"
    "  coca-relabel page relabelled --html more.html --results 400 --seed 1\n"
    "\n"
    "Exit codes: 0 done; 1 the page cannot be written, 2 bad usage, or no shard is done yet; 3 no folder of\n"
    "coca-relabel, or a shard that cannot be read.";

enum { PICTURE_LIMIT = 64 << 20 }; // bytes of a picture that is shown
#define OLD_TEXT_FIELDS "caption;captions;text;TEXT;title"

struct page {
    char *html;
    int64_t results, seed;

    const char *to, *key; // borrowed
    json_t *settings, *document;
    struct strings shards, old_fields;
    int64_t *samples; // [shards.count] of those done, 0 of others
    int64_t total;
    int64_t *drawn, drawn_count; // places among all samples, ascending
    char *scratch;
    struct gallery gallery;
};

#define FIELD(member) offsetof(struct page, member)
static const struct option rows[] = {
    TEXT("html", html, "FILE", NULL, "the page", OPTION_OUTPUT),
    INT("results", results, "N", "100", 1, 100000, "results on it, at most", 0),
    INT("seed", seed, "N", "0", 0, 1e15, "of the draw", 0),
};

// ---- the draw

static int count_samples(struct page *page) {
    page->samples = xcalloc(page->shards.count + 1, sizeof *page->samples);
    for (size_t i = 0; i < page->shards.count; i++) {
        struct shard_stats stats;
        if (!folder_has(page->to, page->shards.item[i])) continue;
        int status = folder_stats(page->to, page->shards.item[i], &stats);
        if (status < 0) return status;
        page->samples[i] = stats.samples;
        page->total += stats.samples;
    }
    return page->total ? 0 : error(EXIT_USAGE, "%s: no shard is done yet that holds samples", page->to);
}

static int ascending(const void *a, const void *b) {
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void draw(struct page *page) {
    const struct random_key key = random_key((uint64_t)page->seed, "page");
    page->drawn_count = page->results < page->total ? page->results : page->total;
    page->drawn = xcalloc((size_t)page->drawn_count, sizeof *page->drawn);
    for (int64_t i = 0; i < page->drawn_count; i++)
        page->drawn[i] = (int64_t)random_permute(key, (uint64_t)page->total, (uint64_t)i);
    qsort(page->drawn, (size_t)page->drawn_count, sizeof *page->drawn, ascending);
}

// ---- a figure

// What cannot be read is not shown: the sample's captions are.
static void read_picture(struct buffer *picture, const struct sample *place) {
    buffer_clear(picture);
    if (!place || !place->path.size || place->length <= 0 || place->length > PICTURE_LIMIT) return;
    int fd = open(place->path.bytes, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    buffer_reserve(picture, (size_t)place->length);
    ssize_t got = pread(fd, picture->bytes, (size_t)place->length, place->offset);
    picture->size = got > 0 ? (size_t)got : 0;
    close(fd);
}

static void add_text(struct page *page, bool is_generated, const json_t *text, const json_t *score) {
    char shown[32];
    snprintf(shown, sizeof shown, "%.3f", json_number_value(score));
    if (json_is_string(text))
        gallery_line(&page->gallery, is_generated, json_string_value(text), json_string_length(text),
                     json_is_number(score) ? shown : NULL);
}

static void add_texts(struct page *page, bool is_generated, const json_t *texts, const json_t *scores) {
    if (!json_is_array(texts)) add_text(page, is_generated, texts, NULL);
    for (size_t i = 0; i < json_array_size(texts); i++)
        add_text(page, is_generated, json_array_get(texts, i), json_array_get(scores, i));
}

static void add_captions(struct page *page, const json_t *object) {
    const json_t *captions = json_object_get(object, page->key);
    gallery_heading(&page->gallery, "new");
    if (json_array_size(captions))
        add_texts(page, true, captions, json_object_get(object, OUTPUT_SCORES));
    else
        gallery_line(&page->gallery, true, "(none)", 6, NULL);
}

static void add_old(struct page *page, const struct sample *sample, const json_t *object) {
    struct lines lines;
    const char *line;
    size_t size;
    const json_t *texts = sample->text.size ? NULL : fields_first(object, &page->old_fields);
    if (sample->text.size || texts) gallery_heading(&page->gallery, "before");
    lines_begin(&lines, sample->text.bytes, sample->text.size);
    while (lines_next(&lines, &line, &size)) gallery_line(&page->gallery, false, line, size, NULL);
    add_texts(page, false, texts, NULL);
}

static void add_figure(struct page *page, const char *shard, const struct finished_sample *sample) {
    const struct sample *written = sample->written;
    struct buffer picture = {0};
    json_error_t place;
    json_t *object = written->has_json ? json_parse(written->json.bytes, written->json.size, &place) : NULL;
    char *name = xformat("%s: %s", shard, written->key.size ? written->key.bytes : "");
    read_picture(&picture, sample->picture);
    gallery_begin(&page->gallery, image_media_type(picture.bytes, picture.size),
                  (struct span){picture.bytes, picture.size});
    add_captions(page, object);
    add_old(page, written, object);
    gallery_end(&page->gallery, name);
    buffer_release(&picture);
    json_decref(object);
    free(name);
}

// ---- shards

// Samples `drawn` [count] of the shard, which begins at `first` among all.
static int add_drawn(struct page *page, size_t shard, int64_t first, const int64_t *drawn, int64_t count) {
    const char *name = page->shards.item[shard];
    const char *from = json_string_value(json_array_get(json_object_get(page->document, "from"), shard));
    struct finished *finished;
    struct finished_sample sample;
    int status = finished_open(&finished, page->to, name, from, page->scratch);
    if (status) return status;
    for (int64_t at = first, i = 0; i < count && (status = finished_next(finished, &sample)) == 1; at++)
        if (at == drawn[i]) {
            add_figure(page, name, &sample);
            i++;
        }
    finished_close(&finished);
    if (!status) status = error(EXIT_DATA, "%s/%s: has fewer samples than its statistics say", page->to, name);
    return status < 0 ? status : 0;
}

static int add_all(struct page *page) {
    int64_t first = 0, i = 0;
    int status = 0;
    for (size_t shard = 0; shard < page->shards.count && !status; first += page->samples[shard++]) {
        int64_t count = 0;
        while (i + count < page->drawn_count && page->drawn[i + count] < first + page->samples[shard]) count++;
        if (count) status = add_drawn(page, shard, first, page->drawn + i, count);
        i += count;
    }
    return status;
}

static int write_page(struct page *page) {
    const char *temporary = getenv("TMPDIR");
    char *about = xformat("%" PRId64 " of %" PRId64 " results, drawn with seed %" PRId64
                          ": the new captions, with CLIPScore where it was asked for, and the text from before.",
                          page->drawn_count, page->total, page->seed);
    page->scratch = xformat("%s/coca-relabel.XXXXXX", temporary && *temporary ? temporary : "/tmp");
    int status = mkdtemp(page->scratch) ? 0 : error(EXIT_RUN, "%s: %s", page->scratch, strerror(errno));
    if (!status) {
        status = gallery_open(&page->gallery, page->html, path_base(page->to), about);
        if (!status && (status = add_all(page)))
            gallery_abandon(&page->gallery);
        else if (!status)
            status = gallery_close(&page->gallery);
        directory_remove(page->scratch);
    }
    free(about);
    free(page->scratch);
    return status;
}

// ---- the job

static int read_job(struct page *page) {
    int status = folder_read(page->to, &page->settings, &page->shards);
    if (status) return status;
    char *path = path_join(page->to, FOLDER_SETTINGS);
    page->document = json_read(path, (size_t)1 << 30);
    free(path);
    page->key = json_string_value(json_object_get(page->settings, "key"));
    if (!page->document) return -EXIT_DATA;
    if (!page->key) return error(EXIT_DATA, "%s: its relabel.json does not say the key of captions", page->to);
    text_split(&page->old_fields, OLD_TEXT_FIELDS, ";");
    return count_samples(page);
}

static int run(void *context, const struct strings *operands) {
    struct page *page = context;
    if (operands->count != 1) return error(EXIT_USAGE, "give the folder that the job's --to names, and nothing else");
    if (!page->html) return error(EXIT_USAGE, "give --html FILE");
    page->to = operands->item[0];
    int status = read_job(page);
    if (!status) {
        draw(page);
        status = write_page(page);
    }
    json_decref(page->settings);
    json_decref(page->document);
    strings_release(&page->shards);
    strings_release(&page->old_fields);
    free(page->samples);
    free(page->drawn);
    return status;
}

int page_main(const struct command *command, int argc, char **argv) {
    struct page page = {0};
    struct option_table own = OPTION_TABLE(rows, &page), *const tables[] = {&own, NULL};
    const struct tool tool = {.name = "coca-relabel page",
                              .summary = command->summary,
                              .manual = manual,
                              .tables = tables,
                              .operands = "DIR",
                              .context = &page,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
