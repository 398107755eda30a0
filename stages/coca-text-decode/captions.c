// --generate: features to captions, microbatch by microbatch. On a socket a consumer asks for them; on a recording it
// goes on until the features end.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "stage/progress.h"
#include "text_decode.h"
#include "train/outputs.h"

enum { ASKED = 64 };

struct captioner {
    const struct text_decode *stage;
    struct hub *hub;
    struct generator *generator;
    struct progress *progress;
    struct unit asked[ASKED]; // and not answered, in order; their features are asked for
    int asked_count;
    int32_t next; // microbatch to ask for without a consumer
    int64_t captions;
    struct slot_reader reader; // of features
    struct follower follower;  // for the checks of its input
};

// The tokens of --prompt, BOS first. One more than a caption holds would be too many, which is said elsewhere.
static void read_prompt(struct text_decode *self) {
    const struct text_config *text = &self->part.config.text;
    const char *prompt = self->captions_said.prompt;
    int room = text->context_length + 2, length = 0;
    int32_t *tokens = xcalloc((size_t)room, sizeof *tokens);
    tokenizer_encode(self->tokenizer, prompt, strlen(prompt), tokens, room);
    while (tokens[length] != text->eos_id) length++;
    self->generate.prompt = tokens;
    self->generate.prompt_length = length;
}

int captions_options(struct text_decode *self) {
    const struct caption_options *o = &self->captions_said;
    self->generate = (struct generate_options){.max_length = (int)o->max_length,
                                               .min_length = (int)o->min_length,
                                               .temperature = o->temperature,
                                               .top_k = (int)o->top_k,
                                               .top_p = o->top_p,
                                               .repetition_penalty = o->repetition_penalty,
                                               .sample = o->sample,
                                               .seed = (uint64_t)self->run.options.seed,
                                               .num_beams = (int)o->num_beams,
                                               .num_beam_groups = (int)o->num_beam_groups,
                                               .diversity_penalty = o->diversity_penalty};
    if (o->prompt) read_prompt(self);
    return generate_options_check(&self->part.config, &self->generate);
}

// open_clip's captions may end with padding instead of EOS, which is no word of theirs although it has a text ("!").
static int words_end(const struct text_decode *self, const int32_t *tokens, int T) {
    while (T > 0 && tokens[T - 1] == self->part.config.text.pad_id) T--;
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

static int caption(struct captioner *captioner, const struct message *input) {
    const struct text_decode *self = captioner->stage;
    const struct model_config *config = &self->part.config;
    const struct work work = {
        .follower = &captioner->follower, .step = input->unit.step, .microbatch = input->unit.microbatch};
    int B = input->unit.samples, T = config->text.context_length;
    const void *features, *ids;
    int status =
        input_rows(&work, input, TENSOR_FEATURES, self->part.ops->dtype,
                   SHAPE(B, config_feature_tokens(config), config->decoder.width), &captioner->reader, &features);
    if (!status) status = message_tensor(input, TENSOR_IDS, DT_I64, SHAPE(B), &ids);
    if (status || !B) return status;
    struct message *captions = output_new(&work, input);
    int32_t *tokens = message_add(captions, TENSOR_TOKENS, DT_I32, SHAPE(B, T));
    generator_run(captioner->generator, B, features, ids, tokens);
    slot_give_back(&captioner->reader);
    add_texts(self, captions, tokens, B, T);
    captioner->captions += B;
    return edge_send(self->captions, NULL, &captions);
}

// ---- the units

static void want(struct captioner *captioner, struct unit unit) {
    if (!edge_is_recording(captioner->stage->features)) edge_want(captioner->stage->features, NULL, unit);
    captioner->asked[captioner->asked_count++] = unit;
}

// Without a consumer to ask: the next ones, as far ahead as the window goes.
static void want_all(struct captioner *captioner) {
    const struct run_options *o = &captioner->stage->run.options;
    int64_t B = o->microbatch, ahead = o->window < ASKED ? o->window + 1 : ASKED;
    for (; captioner->asked_count < ahead; captioner->next++)
        want(captioner, (struct unit){0, captioner->next, captioner->next * B, (int32_t)B});
}

// Waits for a unit when there is none, and takes along what else was asked.
static int want_asked(struct captioner *captioner) {
    struct hub *hub = captioner->hub;
    struct edge *captions = captioner->stage->captions;
    while (captioner->asked_count < ASKED &&
           (!captioner->asked_count || hub_ready(hub, captions, MESSAGE_ASK, NULL, -1, -1))) {
        struct unit unit;
        int status = hub_next_ask(hub, captions, &unit);
        if (status) return status;
        want(captioner, unit);
    }
    return 0;
}

static int take_features(struct captioner *captioner, struct message **features) {
    struct edge *edge = captioner->stage->features;
    struct unit unit = captioner->asked[0];
    bool recorded = edge_is_recording(edge), served = !edge_is_recording(captioner->stage->captions);
    memmove(captioner->asked, captioner->asked + 1, (size_t)--captioner->asked_count * sizeof unit);
    int status = recorded ? hub_take(captioner->hub, edge, MESSAGE_DATA, NULL, -1, -1, features)
                          : hub_take(captioner->hub, edge, MESSAGE_DATA, NULL, unit.step, unit.microbatch, features);
    if (status != HUB_END || !served) return status;
    *features = message_new(MESSAGE_END, unit);
    return 0;
}

static int answer(struct captioner *captioner, struct message **features) {
    if ((*features)->kind == MESSAGE_END) return edge_send(captioner->stage->captions, NULL, features);
    int status = caption(captioner, *features);
    progress_set(captioner->progress, captioner->captions, NULL);
    return status;
}

static int make_captions(struct captioner *captioner) {
    const bool served = !edge_is_recording(captioner->stage->captions);
    int status = 0;
    while (!status) {
        struct message *features = NULL;
        if (served)
            status = want_asked(captioner);
        else
            want_all(captioner);
        if (!status) status = take_features(captioner, &features);
        if (!status) status = answer(captioner, &features);
        message_free(&features);
    }
    return status;
}

int captions_run(struct text_decode *self, struct hub *hub) {
    struct captioner captioner = {.stage = self,
                                  .hub = hub,
                                  .progress = progress_new("caption", 0, "pictures"),
                                  .reader = {.ops = self->part.ops},
                                  .follower = {.hub = hub, .part = &self->part}};
    captioner.generator =
        generator_new(&self->part.config, self->part.params, (int)self->run.options.microbatch, &self->generate);
    int status = make_captions(&captioner);
    progress_done(&captioner.progress);
    slot_reader_close(&captioner.reader);
    generator_free(&captioner.generator);
    return status;
}
