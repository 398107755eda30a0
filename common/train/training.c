// What several of the conductor's files ask about the run's length: it has steps, perhaps under a ceiling of time, or
// the clock's seconds. A leaf, so that the files that make a step, keep it and show it need not call each other.
#include "train/training.h"

#include "base/clock.h"

double training_elapsed(const struct training *training) {
    return training->elapsed_before + clock_seconds() - training->begun;
}

int64_t training_done(const struct training *t) {
    return t->schedule.steps ? t->step : (int64_t)training_elapsed(t);
}

bool training_is_out_of_time(const struct training *t) {
    return t->schedule.ceiling > 0 && training_elapsed(t) >= t->schedule.ceiling;
}

bool training_is_over(const struct training *t, int64_t steps) {
    const struct schedule *schedule = &t->schedule;
    if (!schedule->steps) return training_elapsed(t) >= schedule->seconds;
    return steps >= schedule->steps || training_is_out_of_time(t);
}
