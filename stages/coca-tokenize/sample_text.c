// Chooses the text of a sample, whatever it is from: coca-tokenize makes tokens of it. In training one of a record's
// captions is drawn, or its label names are put in a drawn prompt, by the sample's key: the same sample has the same
// text in any process and after a resume. An evaluation wants the first caption, or says which.
#include "sample_text.h"

#include <ctype.h>

#include "base/utf8.h"
#include "text/prompt.h"

static void take_caption(struct buffer *text, const struct sample *sample, bool draw) {
    const uint64_t count = (uint64_t)sample->record.caption_count;
    uint64_t chosen = 0;
    if (sample->caption >= 0)
        chosen = (uint64_t)sample->caption;
    else if (draw)
        chosen = random_below(sample_key(sample, SAMPLE_CAPTION), 0, count);
    const struct span caption = sample->record.captions[chosen];
    buffer_append(text, caption.bytes, caption.size);
}

static void take_labels(struct buffer *text, const struct sample *sample, const struct strings *prompts) {
    struct strings labels = {0};
    for (int i = 0; i < sample->record.label_count; i++)
        strings_add(&labels, sample->record.labels[i].bytes, sample->record.labels[i].size);
    prompt_from_labels(text, &labels, prompts, sample_key(sample, SAMPLE_PROMPT));
    strings_release(&labels);
}

// A text without words would be a caption of BOS and EOS alone; it is dropped by name instead.
static bool is_blank(const struct buffer *text) {
    for (size_t i = 0; i < text->size; i++)
        if (!isspace((unsigned char)text->bytes[i])) return false;
    return true;
}

const char *sample_text(struct buffer *text, const struct sample *sample, const struct strings *prompts, bool draw) {
    if (*sample->reason) return sample->reason;
    if (sample->line)
        buffer_text(text, sample->line);
    else if (sample->record.caption_count)
        take_caption(text, sample, draw);
    else if (sample->record.label_count)
        take_labels(text, sample, prompts);
    else
        return "the record has neither captions nor labels";
    if (is_blank(text)) return "the text is empty";
    return utf8_valid(text->bytes, text->size) ? NULL : "the text is not UTF-8";
}
