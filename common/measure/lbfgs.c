// L-BFGS for linear probes: directions by the two-loop recursion over the last corrections, step lengths by bracketing
// and zooming (Nocedal and Wright, Numerical Optimization, algorithms 7.4, 3.5 and 3.6). Sums run in the order of the
// variables, so that equal functions give equal bits.
#include "measure/lbfgs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { CORRECTIONS = 10, STEPS_MOST = 40 };

// Of the strong Wolfe conditions, as is usual for quasi-Newton methods.
static const double decrease = 1e-4, curvature = 0.9;

// A change of the value below this share of it is rounding.
static const double noise = 1e-14;

struct correction {
    double *step, *change; // of x and of the gradient, [n]
    double product;        // step·change, above 0
};

struct lbfgs {
    const struct lbfgs_function *function;
    int64_t n;
    double *x, *gradient;              // [n], of the newest point
    double *from, *before, *direction; // [n], of the line: its start, the gradient there
    struct correction correction[CORRECTIONS];
    int64_t kept; // corrections so far; the newest is number (kept − 1) mod CORRECTIONS
    double *memory;
};

// On the line from + t·direction.
struct point {
    double t, value, slope;
};

static double product(const double *a, const double *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void add(double *to, double factor, const double *from, int64_t n) {
    for (int64_t i = 0; i < n; i++) to[i] += factor * from[i];
}

static double largest(const double *x, int64_t n) {
    double most = 0;
    for (int64_t i = 0; i < n; i++) most = fmax(most, fabs(x[i]));
    return most;
}

static void lbfgs_new(struct lbfgs *self, const struct lbfgs_function *function, double *x) {
    const int64_t n = function->n;
    *self = (struct lbfgs){.function = function, .n = n, .x = x};
    self->memory = xcalloc((size_t)n, (4 + 2 * CORRECTIONS) * sizeof(double));
    double *next = self->memory;
    double **const vectors[] = {&self->gradient, &self->from, &self->before, &self->direction};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++, next += n) *vectors[i] = next;
    for (int i = 0; i < CORRECTIONS; i++, next += 2 * n)
        self->correction[i] = (struct correction){.step = next, .change = next + n};
}

// direction = −H·gradient, H the inverse Hessian that the corrections describe.
static void find_direction(struct lbfgs *self) {
    const int64_t n = self->n, count = self->kept < CORRECTIONS ? self->kept : CORRECTIONS;
    double share[CORRECTIONS], *d = self->direction;
    for (int64_t i = 0; i < n; i++) d[i] = -self->gradient[i];
    for (int64_t k = self->kept - 1; k >= self->kept - count; k--) {
        const struct correction *c = &self->correction[k % CORRECTIONS];
        share[k % CORRECTIONS] = product(c->step, d, n) / c->product;
        add(d, -share[k % CORRECTIONS], c->change, n);
    }
    if (count) {
        const struct correction *newest = &self->correction[(self->kept - 1) % CORRECTIONS];
        const double scale = newest->product / product(newest->change, newest->change, n);
        for (int64_t i = 0; i < n; i++) d[i] *= scale;
    }
    for (int64_t k = self->kept - count; k < self->kept; k++) {
        const struct correction *c = &self->correction[k % CORRECTIONS];
        add(d, share[k % CORRECTIONS] - product(c->change, d, n) / c->product, c->step, n);
    }
}

static struct point try(struct lbfgs *self, double t) {
    for (int64_t i = 0; i < self->n; i++) self->x[i] = self->from[i] + t * self->direction[i];
    const double value = self->function->evaluate(self->function->context, self->x, self->gradient);
    return (struct point){t, value, product(self->gradient, self->direction, self->n)};
}

// Asked as "not lower", which is true of what is not a number as well.
static bool is_high(const struct point *start, const struct point *p) {
    return !(p->value <= start->value + decrease * p->t * start->slope);
}

static bool is_flat(const struct point *start, const struct point *p) {
    return fabs(p->slope) <= -curvature * start->slope;
}

// Where the cubic through both points is least, at least a tenth of the way from either.
static double between(const struct point *a, const struct point *b) {
    const double width = b->t - a->t, d1 = a->slope + b->slope - 3 * (a->value - b->value) / (a->t - b->t);
    const double square = d1 * d1 - a->slope * b->slope, d2 = copysign(sqrt(fmax(square, 0)), width);
    const double share = 1 - (b->slope + d2 - d1) / (b->slope - a->slope + 2 * d2);
    return a->t + width * (isfinite(share) ? fmin(fmax(share, 0.1), 0.9) : 0.5);
}

// `low` is the better end of an interval that holds a good point. Where rounding hides it, the better end is taken.
static struct point zoom(struct lbfgs *self, const struct point *start, struct point low, struct point high) {
    for (int i = 0; i < STEPS_MOST; i++) {
        const struct point now = try(self, between(&low, &high));
        if (is_high(start, &now) || !(now.value < low.value)) {
            high = now;
        } else {
            if (is_flat(start, &now)) return now;
            if (now.slope * (high.t - low.t) >= 0) high = low;
            low = now;
        }
        if (fabs(high.t - low.t) <= noise * fabs(low.t)) break;
    }
    return try(self, low.t);
}

// Leaves x and gradient at the point returned; t is 0 when nothing lower was found.
static struct point search(struct lbfgs *self, const struct point *start, double t) {
    struct point last = *start;
    for (int i = 0; i < STEPS_MOST; i++, t *= 2) {
        const struct point now = try(self, t);
        if (is_high(start, &now) || (i && now.value >= last.value)) return zoom(self, start, last, now);
        if (is_flat(start, &now)) return now;
        if (now.slope >= 0) return zoom(self, start, now, last);
        last = now;
    }
    return last;
}

static void keep_correction(struct lbfgs *self) {
    struct correction *c = &self->correction[self->kept % CORRECTIONS];
    for (int64_t i = 0; i < self->n; i++) {
        c->step[i] = self->x[i] - self->from[i];
        c->change[i] = self->gradient[i] - self->before[i];
    }
    c->product = product(c->step, c->change, self->n);
    if (c->product > 0) self->kept++;
}

// One iteration; whether the value fell by more than rounding.
static bool descend(struct lbfgs *self, double *value) {
    const size_t bytes = (size_t)self->n * sizeof *self->x;
    find_direction(self);
    memcpy(self->from, self->x, bytes);
    memcpy(self->before, self->gradient, bytes);
    const struct point start = {0, *value, product(self->gradient, self->direction, self->n)};
    const double first = self->kept ? 1 : 1 / sqrt(product(self->gradient, self->gradient, self->n));
    const struct point end = search(self, &start, first);
    keep_correction(self);
    *value = end.value;
    return start.value - end.value > noise * fmax(fabs(start.value), fabs(end.value));
}

struct lbfgs_result lbfgs_minimise(const struct lbfgs_function *function, double *x, double tolerance, int64_t limit) {
    struct lbfgs self;
    struct lbfgs_result result = {0};
    lbfgs_new(&self, function, x);
    result.value = function->evaluate(function->context, x, self.gradient);
    result.converged = largest(self.gradient, self.n) <= tolerance;
    while (!result.converged && result.iterations < limit) {
        result.converged = !descend(&self, &result.value) || largest(self.gradient, self.n) <= tolerance;
        result.iterations++;
    }
    free(self.memory);
    return result;
}
