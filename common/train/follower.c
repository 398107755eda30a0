// Chooses the driver, and holds what all of them need: which rank this is, and the queue of pulled units. Called by
// stateful.c alone. The three drivers differ in who says what comes next: a conductor, a consumer, or the input itself.
#include "train/follower.h"

#include "train/follower_pass.h"

// The channel that the stage pulls; one without an edge when it pulls none.
static struct channel pulled_channel(const struct follower *follower) {
    for (int i = 0; i < follower->phases; i++)
        if (follower->phase[i].pulls) return follower->phase[i].take[0];
    return (struct channel){.edge = NULL};
}

int follower_run(struct follower *follower) {
    follower->rank = hub_rank(follower->hub);
    own_units_begin(&follower->own, follower->rank, follower->ranks);
    follower->pulled = (struct ahead){.edge = pulled_channel(follower).edge,
                                      .from = ANYBODY,
                                      .window = follower->window,
                                      .next = own_units_next,
                                      .context = &follower->own};
    int status = follower->control.edge ? follower_conducted(follower)
                 : follower->served     ? follower_served(follower)
                                        : follower_alone(follower);
    ahead_release(&follower->pulled);
    return status == HUB_END ? 0 : status;
}
