"""Optimum losses of scikit-learn's LogisticRegression on made-up problems, for test_softmax_regression.c.

    python make_softmax.py >softmax.h        (scikit-learn 1.9, NumPy)

The loss is the objective over C·N: the mean cross entropy + |weights|²/(2·C·N).
"""
import numpy as np
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression

# samples, features, classes, C
PROBLEMS = [(60, 3, 2, 1.0), (90, 8, 3, 0.01), (200, 17, 10, 1.0), (333, 24, 7, 100.0), (150, 5, 9, 1e-6), (97, 33, 4, 1e4)]


def problem(N, E, K):
    """As make_problem of the test: the class is hidden among numbers of no order, beside a constant."""
    i, e = np.arange(N)[:, None], np.arange(E)[None, :]
    classes = (i[:, 0] + i[:, 0] // 3) % K
    noise = ((i * 7919 + e * 104729 + i * e * 31) % 1009).astype(np.float32) / np.float32(1009)
    return noise + np.float32(0.25) * (classes[:, None] == e % K).astype(np.float32), classes


def loss(model, x, y, C):
    z = x @ model.coef_.T + model.intercept_
    if len(model.classes_) == 2:  # one sigmoid
        z = np.hstack([np.zeros_like(z), z])
    cross = (logsumexp(z, axis=1) - z[np.arange(len(y)), y]).mean()
    return cross + (model.coef_ ** 2).sum() / (2 * C * len(y))


print("// Written by make_softmax.py: N, E, K, C and the loss at scikit-learn's optimum.")
for N, E, K, C in PROBLEMS:
    x, y = problem(N, E, K)
    x = x.astype(np.float64)
    model = LogisticRegression(C=C, tol=1e-12, max_iter=100000, solver="lbfgs").fit(x, y)
    print(f"{{{N}, {E}, {K}, {C!r}, {loss(model, x, y, C):.15g}}},")
