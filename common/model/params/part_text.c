// The text decoder's tensors: the unimodal half, which a lock counts as its tower, and above it the multimodal half,
// which is never locked. coca-text-decode owns them; model/towers/text* computes with them.
#include "model/params/layout_blocks.h"

static void add_unimodal(struct params *params, const struct model_config *config) {
    const struct text_config *text = &config->text;
    int64_t D = text->width;
    params_layout_place(params, 0, 0);
    params_layout_add_table(params, SHAPE(text->vocab_size, D), 0.02, POSITIONS_NONE, "text.token_embedding.weight");
    params_layout_add_table(params, SHAPE(text->context_length + 1, D), 0.01, POSITIONS_CAPTION,
                            "text.positional_embedding");
    params_layout_add(params, SHAPE(D), 0, 0.01, "text.cls_emb");
    add_transformer(params, "text.transformer", text->layers, D, mlp_width(text->width, text->mlp_ratio),
                    text_deviations(D, text->layers));
    params_layout_place(params, text->layers, params->top);
    params_layout_add_norm(params, D, "text.ln_final");
    params_layout_place(params, text->layers + 1, params->top);
    params_layout_add_matrix(params, SHAPE(D, config->embed_dim), inverse_root(D), "text.text_projection");
}

static void add_layer(struct params *params, const struct decoder_config *decoder, int i) {
    int64_t D = decoder->width, hidden = mlp_width(decoder->width, decoder->mlp_ratio);
    struct deviations deviations = text_deviations(D, decoder->layers);
    char self[TENSOR_NAME], cross[TENSOR_NAME];
    param_name(self, "text_decoder.resblocks.%d", i);
    param_name(cross, "text_decoder.cross_attn.%d", i);
    add_self_attention(params, self, D, &deviations);
    if (decoder->self_mlp) add_mlp(params, self, D, hidden, &deviations);
    add_self_attention(params, cross, D, &deviations);
    params_layout_add_norm(params, D, "%s.ln_1_kv", cross);
    add_mlp(params, cross, D, hidden, &deviations);
}

static void add_multimodal(struct params *params, const struct model_config *config) {
    const struct decoder_config *decoder = &config->decoder;
    int64_t D = decoder->width;
    for (int i = 0; i < decoder->layers; i++) {
        params_layout_place(params, GROUP_NEVER_LOCKED, config->text.layers + i + 1);
        add_layer(params, decoder, i);
    }
    params_layout_place(params, GROUP_NEVER_LOCKED, params->top);
    params_layout_add_norm(params, D, "text_decoder.ln_final");
    params_layout_add_matrix(params, SHAPE(D, config->text.vocab_size), inverse_root(D),
                             "text_decoder.text_projection");
}

static void layout_text(struct params *params, const struct model_config *config) {
    int layers = config->text.layers;
    params_layout_tower(params, layers + 2, layers + config->decoder.layers + 1);
    add_unimodal(params, config);
    add_multimodal(params, config);
}

static const char *const prefixes[] = {"text.", "text_decoder.", NULL};
const struct model_part text_part = {"text", prefixes, layout_text};
