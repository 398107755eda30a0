#include "train/orders.h"

const char *const follower_roles[2] = {ROLE_IMAGE, ROLE_TEXT};

int orders_begin(const struct conductor *conductor, const struct step_order *order) {
    int status = 0;
    for (int i = 0; i < 2 && !status; i++) {
        struct message *message = step_pack(order);
        status = edge_send(conductor->control, follower_roles[i], &message);
    }
    return status;
}

int orders_stop_asked(const struct conductor *conductor, int *signal) {
    int status = 0;
    while (!status && hub_ready(conductor->hub, conductor->control, MESSAGE_STOP, NULL, 0, 0)) {
        struct message *message;
        int number = 0;
        status = hub_take(conductor->hub, conductor->control, MESSAGE_STOP, NULL, 0, 0, &message);
        if (status) break;
        status = stop_unpack(message, &number);
        message_free(&message);
        if (!status && !*signal) *signal = number;
    }
    return status;
}
