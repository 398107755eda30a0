// --generate: features to captions, one phase of the follower, which serves a consumer on a socket or, writing a
// recording, goes on until the features end. How captions are searched for is model/generate's.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "text_decode.h"
#include "train/outputs.h"

// The tokens of --prompt, BOS first. One more than a caption holds would be too many, which is said elsewhere.
static void read_prompt(struct text_decode *self) {
    const struct text_config *text = &self->base.part.config.text;
    const char *prompt = self->decoding.prompt;
    int room = text->context_length + 2, length = 0;
    int32_t *tokens = xcalloc((size_t)room, sizeof *tokens);
    tokenizer_encode(self->tokenizer, prompt, strlen(prompt), tokens, room);
    while (tokens[length] != text->eos_id) length++;
    self->generate.prompt = tokens;
    self->generate.prompt_length = length;
}

static int check_stop(const struct decoding_options *o) {
    if (!o->stop_at) return 0;
    if (!*o->stop_at) return error(EXIT_USAGE, "--stop-at is empty: say behind what text a caption ends");
    if (!o->prompt || !strstr(o->prompt, o->stop_at)) return 0;
    return error(EXIT_USAGE, "--stop-at '%s': captions begin with --prompt, which has it already", o->stop_at);
}

int captions_options(struct text_decode *self) {
    const struct decoding_options *o = &self->decoding;
    self->generate = (struct generate_options){.max_length = (int)o->max_length,
                                               .min_length = (int)o->min_length,
                                               .temperature = o->temperature,
                                               .top_k = (int)o->top_k,
                                               .top_p = o->top_p,
                                               .repetition_penalty = o->repetition_penalty,
                                               .sample = o->sample,
                                               .seed = (uint64_t)self->base.run.options.seed,
                                               .captions = (int)o->num_captions,
                                               .num_beams = (int)o->num_beams,
                                               .num_beam_groups = (int)o->num_beam_groups,
                                               .diversity_penalty = o->diversity_penalty};
    int status = check_stop(o);
    if (status) return status;
    if (o->stop_at) self->generate.stops = caption_stops;
    self->generate.stops_context = self;
    if (o->prompt) read_prompt(self);
    return generate_options_check(&self->base.part.config, &self->generate);
}

// A picture of a list draws by its name, as its line may be another when a job is resumed.
static void number_pictures(const struct captioner *captioner, const struct message *features, const int64_t *ids) {
    for (int b = 0; b < features->unit.samples; b++) {
        const char *name = message_string(features, TENSOR_NAMES, b);
        captioner->number[b] = name ? (int64_t)hash_text(name, 0) : ids[b];
    }
}

static int add_embeddings(struct text_decode *self, struct message *captions, const struct strings *texts) {
    const int64_t count = (int64_t)texts->count, E = self->base.part.config.embed_dim;
    float *rows = message_add(captions, TENSOR_TEXT_EMBEDDING, DT_F32, SHAPE(count, E));
    int status = caption_embeddings_make(self, texts, rows);
    if (status || dtype_finite(DT_F32, rows, (size_t)(count * E))) return status;
    return output_not_finite(captions, "captions' embeddings");
}

static int add_texts(struct text_decode *self, struct message *captions, const int32_t *tokens, int count) {
    struct strings texts = {0};
    struct buffer text = {0};
    for (int i = 0; i < count; i++) {
        caption_text(self, tokens + (int64_t)i * self->base.part.config.text.context_length, &text);
        strings_add(&texts, text.bytes ? text.bytes : "", text.size);
    }
    message_add_strings(captions, TENSOR_TEXT, (const char *const *)texts.item, count);
    int status = self->captioner.tower ? add_embeddings(self, captions, &texts) : 0;
    buffer_release(&text);
    strings_release(&texts);
    return status;
}

// The pictures' own embeddings go on from the features' message, where it has them.
static int pass_embedding(const struct text_decode *self, struct message *captions, const struct message *features) {
    const void *rows;
    const int64_t B = features->unit.samples;
    if (!message_find(features, TENSOR_EMBEDDING)) return 0;
    int status = message_tensor(features, TENSOR_EMBEDDING, DT_F32, SHAPE(B, self->base.part.config.embed_dim), &rows);
    if (!status) tensor_pass(captions, features, TENSOR_EMBEDDING);
    return status;
}

static int make_captions(struct text_decode *self, const struct message *from, const void *features, const int64_t *ids,
                         struct message *captions) {
    struct captioner *captioner = &self->captioner;
    const int B = from->unit.samples, count = B * captioner->each;
    int32_t *tokens =
        message_add(captions, TENSOR_TOKENS, DT_I32, SHAPE(count, self->base.part.config.text.context_length));
    number_pictures(captioner, from, ids);
    const bool finite = generator_run(captioner->generator, B, features, captioner->number, tokens);
    slot_give_back(&captioner->features);
    if (!finite) return output_not_finite(captions, "captions' logits");
    int status = add_texts(self, captions, tokens, count);
    return status ? status : pass_embedding(self, captions, from);
}

// One microbatch of features to one of captions. Nothing is sent for an empty one.
static int caption(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    struct text_decode *self = context;
    struct captioner *captioner = &self->captioner;
    const struct model_config *config = &self->base.part.config;
    const int B = taken[0]->unit.samples;
    const void *features, *ids;
    int status =
        input_rows(work, taken[0], TENSOR_FEATURES, self->base.part.ops->dtype,
                   SHAPE(B, config_feature_tokens(config), config->decoder.width), &captioner->features, &features);
    if (!status) status = message_tensor(taken[0], TENSOR_IDS, DT_I64, SHAPE(B), &ids);
    if (status || !B) return status;
    struct message *captions = output_new(work, taken[0]);
    status = make_captions(self, taken[0], features, ids, captions);
    if (status) {
        message_free(&captions);
        return status;
    }
    captioner->captions += B;
    progress_set(captioner->progress, captioner->captions, NULL);
    return channel_send(&self->captions, work->microbatch, work->microbatches, &captions);
}

int64_t captions_bytes(const struct text_decode *self, int64_t microbatch) {
    const struct part *part = &self->base.part;
    return generator_bytes(&part->config, part->ops->dtype, (int)microbatch, &self->generate) +
           caption_embeddings_bytes(self, microbatch);
}

void captions_open(struct text_decode *self) {
    struct captioner *captioner = &self->captioner;
    const int B = (int)self->base.run.options.microbatch;
    captioner->generator = generator_new(&self->base.part.config, self->base.part.params, B, &self->generate);
    captioner->features.ops = self->base.part.ops;
    captioner->each = generate_captions_each(&self->generate);
    captioner->number = xcalloc((size_t)B, sizeof *captioner->number);
    if (self->said.caption_embeddings) caption_embeddings_open(self);
}

void captions_close(struct text_decode *self) {
    struct captioner *captioner = &self->captioner;
    if (!captioner->generator) return;
    if (captioner->progress) progress_done(&captioner->progress);
    slot_reader_close(&captioner->features);
    generator_free(&captioner->generator);
    caption_embeddings_close(self);
    buffer_release(&captioner->tail);
    free(captioner->number);
}

void captions_describe(struct text_decode *self, struct follower *follower) {
    self->phase[0] = (struct phase){.name = "caption",
                                    .take = {edges_channel(&self->base.edges, "features")},
                                    .pulls = true,
                                    .enabled = true,
                                    .run = caption};
    follower->phases = 1;
    follower->window = (int)self->base.run.options.window;
    self->captioner.progress = progress_new("caption", 0, "pictures");
}
