// --generate: features to captions, one phase of the follower, which serves a consumer on a socket or, writing a
// recording, goes on until the features end. How captions are searched for is model/generate's.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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
                                               .num_beams = (int)o->num_beams,
                                               .num_beam_groups = (int)o->num_beam_groups,
                                               .diversity_penalty = o->diversity_penalty};
    if (o->prompt) read_prompt(self);
    return generate_options_check(&self->base.part.config, &self->generate);
}

// open_clip's captions may end with padding instead of EOS, which is no word of theirs although it has a text ("!").
static int words_end(const struct text_decode *self, const int32_t *tokens, int T) {
    while (T > 0 && tokens[T - 1] == self->base.part.config.text.pad_id) T--;
    return T;
}

static void add_texts(const struct text_decode *self, struct message *captions, const int32_t *tokens, int B, int T) {
    struct strings texts = {0};
    struct buffer text = {0};
    for (int i = 0; i < B; i++) {
        buffer_clear(&text);
        const int32_t *caption = tokens + (int64_t)i * T;
        tokenizer_decode(self->tokenizer, caption, words_end(self, caption, T), &text);
        strings_add(&texts, text.bytes ? text.bytes : "", text.size);
    }
    message_add_strings(captions, TENSOR_TEXT, (const char *const *)texts.item, B);
    buffer_release(&text);
    strings_release(&texts);
}

// One microbatch of features to one of captions. Nothing is sent for an empty one.
static int caption(void *context, const struct work *work, struct message *taken[PHASE_EDGES]) {
    struct text_decode *self = context;
    struct captioner *captioner = &self->captioner;
    const struct model_config *config = &self->base.part.config;
    int B = taken[0]->unit.samples, T = config->text.context_length;
    const void *features, *ids;
    int status =
        input_rows(work, taken[0], TENSOR_FEATURES, self->base.part.ops->dtype,
                   SHAPE(B, config_feature_tokens(config), config->decoder.width), &captioner->features, &features);
    if (!status) status = message_tensor(taken[0], TENSOR_IDS, DT_I64, SHAPE(B), &ids);
    if (status || !B) return status;
    struct message *captions = output_new(work, taken[0]);
    int32_t *tokens = message_add(captions, TENSOR_TOKENS, DT_I32, SHAPE(B, T));
    const bool finite = generator_run(captioner->generator, B, features, ids, tokens);
    slot_give_back(&captioner->features);
    if (!finite) status = output_not_finite(captions, "captions' logits");
    if (status) message_free(&captions);
    if (status) return status;
    add_texts(self, captions, tokens, B, T);
    captioner->captions += B;
    progress_set(captioner->progress, captioner->captions, NULL);
    return channel_send(&self->captions, work->microbatch, work->microbatches, &captions);
}

void captions_open(struct text_decode *self) {
    self->captioner.generator = generator_new(&self->base.part.config, self->base.part.params,
                                              (int)self->base.run.options.microbatch, &self->generate);
    self->captioner.features.ops = self->base.part.ops;
}

void captions_close(struct text_decode *self) {
    if (!self->captioner.generator) return;
    if (self->captioner.progress) progress_done(&self->captioner.progress);
    slot_reader_close(&self->captioner.features);
    generator_free(&self->captioner.generator);
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
