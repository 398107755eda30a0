// What a step leaves behind: checkpoints and dumps. Followers have written their files when they say `done`; loss
// writes last, since a checkpoint counts once its manifest is there.
#include <stdlib.h>
#include <string.h>

#include "train/dump.h"
#include "train/training.h"

static int take_done(const struct training *training, int64_t step, struct address from, struct written *all) {
    struct written written;
    struct message *message;
    int status = orders_hear(training->conductor, from, WORD_DONE, step, 0, &message);
    if (status) return status;
    status = done_unpack(message, &written);
    message_free(&message);
    for (int i = 0; i < written.count && !status; i++) *written_add(all, written.file[i].name) = written.file[i];
    return status;
}

static int write_own(const struct training *training, const char *folder, struct written *written) {
    char *directory = checkpoint_aside(folder, training->step);
    int status = part_write(training->conductor->part, directory, written, (struct ranks_meanwhile){0});
    free(directory);
    return status;
}

static int commit(const struct training *training, enum checkpoint_place place, struct written *written) {
    const struct part *part = training->conductor->part;
    const int64_t keep = place == CHECKPOINT_MEMORY ? CHECKPOINTS_IN_MEMORY : part->run->options.keep;
    int status = write_own(training, checkpoint_folder(place), written);
    if (status) return status;
    struct checkpoint checkpoint = {.step = training->step,
                                    .samples = training->samples,
                                    .elapsed = training_elapsed(training),
                                    .model = part->config.fingerprint,
                                    .written = *written};
    return checkpoint_commit(&checkpoint, checkpoint_folder(place), keep);
}

int training_keep(const struct training *training, const struct step_order *order, const struct scale_order *scale) {
    const struct topology *topology = training->conductor->topology;
    struct written written = {0};
    int status = 0;
    if (!(scale->last || scale->checkpoint || order->dump)) return 0;
    for (int i = 0; i < topology->followers && !status; i++)
        status = take_done(training, order->step, topology->follower[i], &written);
    return status || !scale->checkpoint ? status : commit(training, scale->checkpoint, &written);
}

// ---- dumps

int training_dump(const struct training *training) {
    static const char *const names[GATHER_SIDES] = {
        [GATHER_IMAGE] = "image_embedding", [GATHER_TEXT] = "text_embedding"};
    const struct gather *gather = training->gather;
    struct tensor output[GATHER_SIDES];
    for (int i = 0; gather && i < GATHER_SIDES; i++) {
        output[i] = (struct tensor){.dtype = DT_F32, .shape = SHAPE(gather->G, gather->E), .data = gather->side[i].row};
        strcpy(output[i].name, names[i]);
    }
    return dump_write_part(training->conductor->part, 0, output, gather ? GATHER_SIDES : 0, true);
}

int training_join_dump(const struct training *training, const struct metrics *metrics) {
    char *losses = metrics_format(metrics);
    int status = dump_join(training->conductor->part, training->conductor->topology, losses);
    free(losses);
    return status;
}
