// What a step leaves behind: checkpoints and dumps.
#include <stdlib.h>

#include "base/file.h"
#include "run/checkpoint.h"
#include "train/dump.h"
#include "train/training.h"

static int take_done(const struct training *training, int64_t step, const char *role, struct written *all) {
    struct conductor *conductor = training->conductor;
    struct written written;
    struct message *message;
    int status = hub_take(conductor->hub, conductor->control, MESSAGE_DONE, role, step, 0, &message);
    if (status) return status;
    status = done_unpack(message, &written);
    message_free(&message);
    for (int i = 0; i < written.count && !status; i++) *written_add(all, written.file[i].name) = written.file[i];
    return status;
}

static int write_own(const struct training *training, struct written *written) {
    char *directory = checkpoint_aside(training->step);
    int status = directory_make(directory);
    if (!status) status = part_write(training->conductor->part, directory, written);
    free(directory);
    return status;
}

static int commit(const struct training *training, struct written *written) {
    int status = write_own(training, written);
    if (status) return status;
    struct checkpoint checkpoint = {.step = training->step,
                                    .samples = training->samples,
                                    .elapsed = training_elapsed(training),
                                    .model = training->conductor->part->config.fingerprint,
                                    .written = *written};
    return checkpoint_commit(&checkpoint, training->conductor->part->run->options.keep);
}

int training_keep(const struct training *training, const struct step_order *order, const struct scale_order *scale) {
    struct written written = {0};
    int status = 0;
    if (!(scale->last || scale->checkpoint || order->dump)) return 0;
    for (int i = 0; i < 2 && !status; i++) status = take_done(training, order->step, follower_roles[i], &written);
    return status || !scale->checkpoint ? status : commit(training, &written);
}

int training_dump(const struct training *training) {
    const struct gather *gather = training->gather;
    struct tensor output[2] = {{.name = "image_embedding", .dtype = DT_F32},
                               {.name = "text_embedding", .dtype = DT_F32}};
    if (gather) {
        output[0].data = gather->image;
        output[1].data = gather->text;
        output[0].shape = output[1].shape = SHAPE(gather->G, gather->E);
    }
    return dump_write_part(training->conductor->part, output, gather ? 2 : 0, true);
}
