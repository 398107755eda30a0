// Messages come in the list's order, and so does what the feeder noted of its batches.
#include "take.h"

#include <stdlib.h>
#include <string.h>

#include "run/samples.h"

// What a message says of its pictures. Rows of picture b begin at b·N.
struct taken {
    const int64_t *ids;
    const char **texts;        // [B·N]
    const float *image, *text; // [B,E], [B·N,E]; NULL: not wanted
    json_t *drops;             // id → reason
    float *scores;             // [N]
};

static json_t *read_drops(const struct message *message) {
    json_t *drops = json_object();
    const char *line;
    for (int i = 0; (line = message_string(message, TENSOR_DROPS, i)); i++) {
        json_t *drop = json_loads(line, 0, NULL);
        const char *reason = json_string_value(json_object_get(drop, "reason"));
        char *id = xformat("%lld", (long long)json_integer_value(json_object_get(drop, "id")));
        json_object_set_new(drops, id, json_string(reason ? reason : "could not be had"));
        free(id);
        json_decref(drop);
    }
    return drops;
}

static const char *drop_of(const struct taken *taken, int64_t id) {
    if (!json_object_size(taken->drops)) return NULL;
    char *key = xformat("%lld", (long long)id);
    const char *reason = json_string_value(json_object_get(taken->drops, key));
    free(key);
    return reason;
}

static int find_texts(struct taken *taken, const struct message *message, int count) {
    const struct tensor *texts = message_find(message, TENSOR_TEXT);
    const char *at = texts ? texts->data : NULL, *end = at ? at + tensor_bytes(texts) : NULL;
    for (int i = 0; i < count; i++, at += strlen(at) + 1) {
        if (!at || at >= end)
            return error(EXIT_RUN, "microbatch %d has fewer than %d captions", message->unit.microbatch, count);
        taken->texts[i] = at;
    }
    return 0;
}

static int find_rows(struct taken *taken, const struct results_form *form, const struct message *message, bool scored) {
    const int64_t B = message->unit.samples;
    const void *image = NULL, *text = NULL;
    int status = 0;
    if (form->image || scored) status = message_tensor(message, TENSOR_EMBEDDING, DT_F32, SHAPE(B, -1), &image);
    if (!status && (form->text || scored))
        status = message_tensor(message, TENSOR_TEXT_EMBEDDING, DT_F32, SHAPE(B * form->captions, -1), &text);
    taken->image = image;
    taken->text = text;
    return status;
}

// CLIPScore (Hessel et al., 2021): 2.5 · max(cos, 0).
static float clip_score(const float *image, const float *text, int64_t E) {
    double cos = 0;
    for (int64_t e = 0; e < E; e++) cos += (double)image[e] * (double)text[e];
    return (float)(2.5 * (cos > 0 ? cos : 0));
}

static void keep_result(const struct relabel *self, struct work *work, const struct taken *taken, int b, int64_t E) {
    const struct results_form *form = &self->output.form;
    const int N = form->captions;
    const float *image = taken->image ? taken->image + b * E : NULL;
    const float *text = taken->text ? taken->text + (int64_t)b * N * E : NULL;
    const struct result result = {.defect = drop_of(taken, taken->ids[b]),
                                  .captions = taken->texts + (int64_t)b * N,
                                  .scores = taken->scores,
                                  .image = image,
                                  .texts = text};
    for (int i = 0; form->scores && !result.defect && i < N; i++) taken->scores[i] = clip_score(image, text + i * E, E);
    results_add(work->results, &result);
}

static int keep_results(const struct relabel *self, struct work *work, const struct taken *taken,
                        const struct message *message) {
    const struct tensor *rows = message_find(message, TENSOR_EMBEDDING);
    if (!rows) rows = message_find(message, TENSOR_TEXT_EMBEDDING);
    const int64_t E = rows ? rows->shape.dim[1] : 0;
    const struct results_form *form = &self->output.form;
    if ((form->image && form->image != E) || (form->text && form->text != E))
        return error(EXIT_RUN, "embeddings of width %lld came, the model's have another", (long long)E);
    for (int b = 0; b < message->unit.samples; b++) keep_result(self, work, taken, b, E);
    return results_flush(work->results);
}

static int take(struct relabel *self, struct work *work, const struct message *message) {
    const struct results_form *form = &self->output.form;
    const int count = message->unit.samples * form->captions;
    const void *ids;
    struct taken taken = {.texts = xcalloc((size_t)count, sizeof *taken.texts),
                          .scores = xcalloc((size_t)form->captions, sizeof *taken.scores),
                          .drops = read_drops(message)};
    int status = message_tensor(message, TENSOR_IDS, DT_I64, SHAPE(message->unit.samples), &ids);
    taken.ids = ids;
    if (!status) status = find_texts(&taken, message, count);
    if (!status) status = find_rows(&taken, form, message, form->scores);
    if (!status) status = keep_results(self, work, &taken, message);
    free(taken.texts);
    free(taken.scores);
    json_decref(taken.drops);
    return status;
}

// ---- the list's batches

static struct batch first_batch(struct relabel *self) {
    pthread_mutex_lock(&self->lock);
    const struct batch batch = self->batches ? self->batch[self->batch_first] : (struct batch){NULL, 0};
    pthread_mutex_unlock(&self->lock);
    return batch;
}

static void tell(const struct relabel *self, const struct work *work, int64_t pictures, int64_t captions, int64_t bad) {
    if (work->is_claimed) claims_tell(self->claims, work->shard->name, pictures, captions, bad);
}

// Behind this the finisher may have the work, and free it.
static void note_come(struct relabel *self, struct work *work, int count, int64_t bad) {
    const int64_t captions = (count - bad) * self->output.form.captions;
    pthread_mutex_lock(&self->lock);
    self->batch_first = (self->batch_first + 1) % self->batch_capacity;
    self->batches--;
    self->batches_come++;
    self->pictures += count;
    self->captions += captions;
    self->bad += bad;
    work->captions += captions;
    work->bad += bad;
    tell(self, work, work->taken_over + work->come + count, work->captions, work->bad);
    work->come += count;
    pthread_cond_broadcast(&self->moved);
    pthread_mutex_unlock(&self->lock);
}

static int64_t count_drops(const struct message *message) {
    int64_t count = 0;
    while (message_string(message, TENSOR_DROPS, (int)count)) count++;
    return count;
}

int take_captions(struct relabel *self, const struct message *message) {
    const struct batch batch = first_batch(self);
    if (relabel_stops(self)) return self->status ? self->status : -EXIT_RUN;
    if (batch.count != message->unit.samples)
        return error(EXIT_RUN,
                     "microbatch %d has %d captions' pictures where the list has %d: is --microbatch the same "
                     "everywhere?",
                     message->unit.microbatch, message->unit.samples, batch.count);
    int status = take(self, batch.work, message);
    if (!status) note_come(self, batch.work, batch.count, count_drops(message));
    return status;
}
