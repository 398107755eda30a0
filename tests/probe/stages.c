// The probe's row, the layout of its tensors, and the table of the test's programs: with every other stage.
#include "train/stages.h"
#include "model/params/layout.h"

enum { PROBE_CLASSES = 2 };
extern const struct stage_row probe_row;

static const char *const prefixes[] = {"probe.", NULL};

static void layout(struct params *params, const struct model_config *config) {
    params_layout_add_linear(params, SHAPE(PROBE_CLASSES, config->decoder.width), 0.02, "probe.weight");
    params_layout_add(params, SHAPE(PROBE_CLASSES), 0, 0, "probe.bias");
}

static double weight(const struct run_options *options) {
    (void)options;
    return 1;
}

static const struct stage_loss losses[] = {{.name = "probe", .weight = weight}};
static const struct stage_edge edges[] = {
    {"features", EDGE_CONNECT, EDGE_IN, NULL, false},
    {"features-grad", EDGE_CONNECT, EDGE_OUT, NULL, true},
    {"control", EDGE_CONNECT, EDGE_BOTH, NULL, false},
};

static const struct model_part part = {"probe", prefixes, layout};
const struct stage_row probe_row = {
    .role = "probe", .part = &part, .edges = edges, .edge_count = 3, .losses = losses, .loss_count = 1};

const struct stage_row *const stage_rows[] = {&image_row, &text_row, &probe_row, &loss_row, NULL};
