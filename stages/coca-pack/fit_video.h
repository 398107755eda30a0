// Whether a record's video is fit.
#pragma once

#include "fitness.h"

void fit_video(struct job *job, const struct fitness *fitness); // or job->drop
