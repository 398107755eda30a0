// Operations of a microbatch's passes, from model/flops.h, with what --recompute microbatch computes a second time.
#include "plan.h"

#include "model/flops.h"
#include "run/run_model.h"

// One set of activations for several microbatches: each backward pass finds another one's in it.
static bool recomputes(const struct plan_step *step, enum plan_side side) {
    return step->run->options.recompute == RECOMPUTE_MICROBATCH && step->microbatches > step->ranks[side];
}

static struct flops_use use_of(const struct run_options *o) {
    return (struct flops_use){.captions = o->caption_weight > 0, .contrasts = o->contrastive_weight > 0};
}

static struct plan_work work_once(const struct plan_step *step) {
    const struct run_options *o = &step->run->options;
    const struct flops_use use = use_of(o);
    const struct flops image = image_flops(step->config, use, o->microbatch * run_pictures(step->run, step->config));
    const struct flops unimodal = unimodal_flops(step->config, use, o->microbatch, step->length);
    const struct flops multimodal = multimodal_flops(step->config, use, o->microbatch, step->length);
    const enum contrastive_kind kind = run_contrastive_kind(step->run, step->config);
    return (struct plan_work){.forward = image.forward,
                              .backward = image.backward,
                              .unimodal = unimodal.forward,
                              .multimodal = multimodal.forward + multimodal.backward,
                              .unimodal_backward = unimodal.backward,
                              .contrast =
                                  use.contrasts ? contrastive_flops(kind, o->batch_size, step->config->embed_dim) : 0};
}

// The unimodal half is computed again before the multimodal half and before its own backward pass.
struct plan_work plan_work(const struct plan_step *step) {
    struct plan_work work = work_once(step);
    if (recomputes(step, PLAN_IMAGE)) work.backward += work.forward;
    if (!recomputes(step, PLAN_TEXT)) return work;
    if (work.multimodal > 0) work.multimodal += work.unimodal;
    work.unimodal_backward += work.unimodal;
    return work;
}

double plan_work_of_side(const struct plan_step *step, enum plan_side side) {
    const struct plan_work w = plan_work(step);
    const double each = side == PLAN_IMAGE ? w.forward + w.backward : w.unimodal + w.multimodal + w.unimodal_backward;
    return step->microbatches * each;
}

double plan_work_total(const struct plan_step *step) {
    const struct plan_work w = work_once(step);
    const double microbatch = w.forward + w.backward + w.unimodal + w.multimodal + w.unimodal_backward;
    return step->microbatches * microbatch + w.contrast;
}
