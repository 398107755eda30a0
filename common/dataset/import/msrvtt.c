// MSR-VTT: a document of videos and sentences, or the lists of the split that people report (1k-A): a CSV with a column
// `sentence` has one caption a video, one without takes all of them from --annotations, the document. A video is one
// record with all its captions.
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/json.h"
#include "base/text.h"
#include "dataset/import/csv.h"
#include "dataset/import/fields.h"
#include "dataset/import/formats.h"
#include "dataset/import/found.h"
#include "dataset/import/index.h"
#include "dataset/import/rows.h"

#define DOCUMENT_BYTES_LIMIT ((size_t)1 << 30)

struct msrvtt {
    struct importer *importer;
    const char *path;
    json_t *document;       // NULL: none is needed
    struct index sentences; // of the document, by video_id
    struct found found;
    struct draft draft;
};

static void begin_video(struct msrvtt *msrvtt, const char *id, size_t number) {
    struct draft *draft = &msrvtt->draft;
    struct strings stems = {0};
    draft_clear(draft);
    buffer_format(&draft->name, "%s: video %zu", msrvtt->path, number);
    buffer_text(&draft->id, id);
    strings_add_text(&stems, id);
    if (*id)
        found_video(draft, &msrvtt->found, msrvtt->importer, msrvtt->path, &stems);
    else
        draft_defect(draft, "has no video_id");
    strings_release(&stems);
}

static void add_sentences(struct msrvtt *msrvtt, const char *id) {
    size_t first;
    const size_t count = index_find(&msrvtt->sentences, id, &first);
    for (size_t i = first; i < first + count; i++)
        fields_texts(msrvtt->sentences.entry[i].object, &msrvtt->importer->caption_keys, &msrvtt->draft, draft_caption);
}

static bool is_wanted(const struct msrvtt *msrvtt, const json_t *video) {
    const char *wanted = msrvtt->importer->options->split, *split = json_string_value(json_object_get(video, "split"));
    return !wanted || (split && !strcmp(split, wanted));
}

static int give_documented(struct msrvtt *msrvtt) {
    const json_t *videos = json_object_get(msrvtt->document, "videos");
    int status = 0;
    for (size_t i = 0; i < json_array_size(videos) && !status; i++) {
        const json_t *video = json_array_get(videos, i);
        if (!is_wanted(msrvtt, video)) continue;
        char *id = fields_id(json_object_get(video, "video_id"));
        begin_video(msrvtt, id ? id : "", i);
        if (id) add_sentences(msrvtt, id);
        free(id);
        status = rows_take(&msrvtt->draft, msrvtt->importer);
    }
    return status;
}

static int give_row(struct msrvtt *msrvtt, const struct csv *csv, int id_column, int sentence_column) {
    const struct span cell = csv_cell_or_none(csv, id_column), sentence = csv_cell_or_none(csv, sentence_column);
    char *id = xstrndup(cell.bytes, cell.size);
    begin_video(msrvtt, id, (size_t)csv->row);
    if (sentence_column < 0)
        add_sentences(msrvtt, id);
    else
        draft_caption(&msrvtt->draft, sentence.bytes, sentence.size);
    free(id);
    return rows_take(&msrvtt->draft, msrvtt->importer);
}

static int read_table(struct msrvtt *msrvtt, struct csv *csv) {
    if (!csv_next(csv)) return csv->status;
    const int id = csv_find(csv, "video_id"), sentence = csv_find(csv, "sentence");
    if (id < 0) return error(EXIT_DATA, "%s: has no column video_id", msrvtt->path);
    if (sentence < 0 && !msrvtt->document)
        return error(EXIT_USAGE, "%s: has no column sentence; --annotations MSRVTT_data.json has the captions",
                     msrvtt->path);
    int status = 0;
    while (!status && csv_next(csv)) status = give_row(msrvtt, csv, id, sentence);
    return status ? status : csv->status;
}

static int give_listed(struct msrvtt *msrvtt) {
    struct csv csv;
    int status = csv_open(&csv, msrvtt->path, ',');
    if (!status) status = read_table(msrvtt, &csv);
    csv_close(&csv);
    return status;
}

static int run(struct importer *importer, const char *path) {
    struct msrvtt msrvtt = {.importer = importer, .path = path};
    const bool is_document = text_ends_alike(path, ".json");
    const char *document = is_document ? path : importer->options->annotations;
    if (document && !(msrvtt.document = json_read(document, DOCUMENT_BYTES_LIMIT))) return -EXIT_DATA;
    index_make(&msrvtt.sentences, json_object_get(msrvtt.document, "sentences"), "video_id");
    int status = is_document ? give_documented(&msrvtt) : give_listed(&msrvtt);
    if (!status) found_report(&msrvtt.found, path, "videos");
    index_release(&msrvtt.sentences);
    json_decref(msrvtt.document);
    draft_release(&msrvtt.draft);
    return status;
}

const struct import_format import_msrvtt = {
    .name = "msrvtt",
    .summary = "MSR-VTT: its JSON of videos and sentences (--split), or a CSV of 1k-A (--annotations has its captions)",
    .keys = "columns",
    .caption_key = "caption",
    .run = run,
};
