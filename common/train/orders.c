// Control messages between loss and its followers. Who they are is the topology's matter; when what is said,
// training_step.c's and evaluate.c's.
#include "train/orders.h"

#include <inttypes.h>

int orders_begin(const struct conductor *conductor, const struct step_order *order) {
    int status = 0;
    for (int i = 0; i < conductor->topology->followers && !status; i++) {
        struct message *message = step_pack(order);
        status = edge_send(conductor->control, conductor->topology->follower[i], &message);
    }
    return status;
}

int orders_scale(const struct conductor *conductor, const struct scale_order *scale, int64_t step) {
    int status = 0;
    for (int i = 0; i < conductor->topology->followers && !status; i++) {
        struct message *message = scale_pack(scale, step);
        status = edge_send(conductor->control, conductor->topology->follower[i], &message);
    }
    return status;
}

int orders_hear(const struct conductor *conductor, struct address from, const char *word, int64_t step, int microbatch,
                struct message **message) {
    int status = edge_take(conductor->control, wanted_word(word, from, step, microbatch), message);
    return status == HUB_END ? orders_ended(from, step) : status;
}

int orders_ended(struct address from, int64_t step) {
    char who[ADDRESS_TEXT];
    return error(EXIT_PEER, "%s ended within step %" PRId64, address_text(from, who), step);
}

// A stop is filed as step 0, whatever step is on its way (protocol.c).
int orders_stop_asked(const struct conductor *conductor, int *signal) {
    const struct wanted stop = wanted_word(WORD_STOP, ANYBODY, 0, 0);
    int status = 0;
    while (!status && edge_ready(conductor->control, stop)) {
        struct message *message;
        int number = 0;
        status = edge_take(conductor->control, stop, &message);
        if (status) return status == HUB_END ? 0 : status;
        status = stop_unpack(message, &number);
        message_free(&message);
        if (!status && !*signal) *signal = number;
    }
    return status;
}
