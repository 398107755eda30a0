// The parts of CoCa in the order of its tensors in a file. What each consists of is in part_image.c, part_text.c and
// part_loss.c; programs that read, write or count a whole model go through this list.
#include "model/params/part.h"

const struct model_part *const model_parts[MODEL_PARTS] = {&image_part, &text_part, &loss_part};
