"""Searches with Optuna's TPE for bench/tune: one line of JSON a study, on standard output.

Called with the name of a function, the number of trials, the seeds, and for a table the file of its values.
"""
import json
import math
import sys
import warnings

import optuna

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)

ALPHA = [1, 1.2, 3, 3.2]
A = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
C = [[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991], [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]]


def branin(t):
    x, y = t.suggest_float("x", -5, 10), t.suggest_float("y", 0, 15)
    a = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return a * a + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def hartmann6(t):
    x = [t.suggest_float(f"x{j}", 0, 1) for j in range(6)]
    return -sum(ALPHA[i] * math.exp(-sum(A[i][j] * (x[j] - 1e-4 * C[i][j]) ** 2 for j in range(6))) for i in range(4))


def rosenbrock(t):
    x = [t.suggest_float(f"x{j}", -2, 2) for j in range(4)]
    return sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(3))


def mixed(t):
    kind = t.suggest_categorical("kind", ["a", "b", "c"])
    rate = math.log10(t.suggest_float("rate", 1e-5, 1, log=True)) + 2.5
    layers = t.suggest_int("layers", 1, 8) - 3
    drop = t.suggest_float("drop", 0, 0.9, step=0.1) - 0.3
    width = math.log2(t.suggest_int("width", 8, 1024, log=True)) - 7
    v = rate * rate + 0.1 * layers**2 + 2 * drop**2 + 0.05 * width**2 + 0.2 * rate * width
    if kind == "a":
        return v + 0.5
    if kind == "b":
        return v + (t.suggest_float("momentum", 0, 1) - 0.8) ** 2
    return v + 1


def training(table):
    """A grid of trainings that were done before; its axes are indices into lists."""

    def f(t):
        at = [str(t.suggest_int(name, 0, n - 1)) if kind == "range" else str(t.suggest_categorical(name, list(range(n)))) for name, kind, n in table["axes"]]
        return table["values"][" ".join(at)]

    return f


name, trials, seeds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
f = training(json.load(open(sys.argv[4]))) if name == "training" else {"branin": branin, "hartmann6": hartmann6, "rosenbrock": rosenbrock, "mixed": mixed}[name]
for seed in range(seeds):
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(f, n_trials=trials)
    print(json.dumps({"seed": seed, "best": study.best_value}), flush=True)
