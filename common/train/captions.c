#include "train/captions.h"

int captions_take(struct captions *captions, struct edge *control, const struct step_order *order) {
    const struct address text = {ROLE_TEXT, 0};
    *captions = (struct captions){0};
    for (int m = 0; m < order->microbatches; m++) {
        struct message *message;
        struct caption_report report = {0};
        int status = edge_take(control, wanted_word(WORD_CAPTION, text, order->step, m), &message);
        if (status) return status;
        status = caption_unpack(message, &report);
        captions->samples += message->unit.samples;
        message_free(&message);
        if (status) return status;
        captions->nll += report.nll;
        captions->targets += report.targets;
    }
    return 0;
}
