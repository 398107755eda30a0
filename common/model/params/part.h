// A part of the model: the tensors that one stateful stage owns. CoCa consists of three, and of a fourth where it has a
// head; whoever adds a stage that owns tensors defines one more such constant beside that stage, and adds them with the
// functions of layout.h.
#pragma once

struct params;
struct model_config;

struct model_part {
    const char *name;            // of its files: "image"
    const char *const *prefixes; // of its tensors' names, NULL behind the last; NULL: those that no other part claims
    void (*layout)(struct params *params, const struct model_config *config); // adds its tensors, in their order
};

extern const struct model_part image_part, text_part, loss_part, head_part;
