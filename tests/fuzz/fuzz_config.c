// Any text is refused, or is a configuration whose parameters can be laid out and whose numbers are consistent.
#include <stdint.h>
#include <stdlib.h>

#include "model/params/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct model_config config, again;
    if (model_config_parse(&config, (const char *)data, size, "input")) return 0;
    if (config.vision.width % config.vision.head_width || config.text.width % config.text.heads) abort();
    if (config.decoder.width != config.text.width || config.decoder.width % config.vision.pooler_heads) abort();
    if (config_image_tokens(&config) < 1 || config_feature_tokens(&config) < 1) abort();
    if (config.text.eos_id >= config.text.vocab_size || config.text.bos_id >= config.text.vocab_size) abort();
    if (config.head.task != TASK_NONE && config_state_width(&config) % config.head.heads) abort();
    if (config_pictures(&config) < 1 || config_joined(&config) < 1) abort();
    if (model_config_parse(&again, (const char *)data, size, "input") || again.fingerprint != config.fingerprint)
        abort();
    return 0;
}
