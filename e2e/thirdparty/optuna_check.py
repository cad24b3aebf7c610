"""Prints the best value of Branin's function that Optuna's TPE finds for each of the seeds, given trials and seeds."""
import json
import math
import sys

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)


def branin(t):
    x, y = t.suggest_float("x", -5, 10), t.suggest_float("y", 0, 15)
    a = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return a * a + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


found = []
for seed in range(int(sys.argv[2])):
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(branin, n_trials=int(sys.argv[1]))
    found.append(study.best_value)
print(json.dumps(found))
