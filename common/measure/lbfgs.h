// Minimises a smooth function by L-BFGS (Liu and Nocedal 1989), ten corrections, strong Wolfe line search, in f64.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct lbfgs_function {
    int64_t n; // variables
    // The value at x [n], and its gradient [n].
    double (*evaluate)(const void *context, const double *x, double *gradient);
    const void *context;
};

struct lbfgs_result {
    double value;
    int64_t iterations;
    bool converged; // no element of the gradient exceeds the tolerance, or no smaller value can be told from this one
};

// From x [n] to the minimum, in place, in at most `limit` iterations.
struct lbfgs_result lbfgs_minimise(const struct lbfgs_function *function, double *x, double tolerance, int64_t limit);
