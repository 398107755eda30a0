#include "train/orders.h"

const char *const follower_roles[2] = {ROLE_IMAGE, ROLE_TEXT};

int orders_begin(const struct conductor *conductor, const struct step_order *order) {
    int status = 0;
    for (int i = 0; i < 2 && !status; i++) {
        struct message *message = step_pack(order);
        status = edge_send(conductor->control, (struct address){follower_roles[i], 0}, &message);
    }
    return status;
}

int orders_stop_asked(const struct conductor *conductor, int *signal) {
    const struct wanted stop = wanted_word(WORD_STOP, ANYBODY, 0, 0);
    int status = 0;
    while (!status && edge_ready(conductor->control, stop)) {
        struct message *message;
        int number = 0;
        status = edge_take(conductor->control, stop, &message);
        if (status) break;
        status = stop_unpack(message, &number);
        message_free(&message);
        if (!status && !*signal) *signal = number;
    }
    return status;
}
