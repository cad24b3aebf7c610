"""Computes the figures of classifications with scikit-learn.

Argument: a file of JSON lines {"labels", "targets", "probs"}; prints a JSON line of figures for each.
"""
import json
import sys
import warnings

import numpy as np
from sklearn import metrics

warnings.simplefilter("ignore")
for line in open(sys.argv[1]):
    case = json.loads(line)
    y = np.array(case["targets"])
    p = np.array(case["probs"], dtype=np.float64)
    p = p / p.sum(axis=1, keepdims=True)
    predicted = p.argmax(axis=1)
    labels = list(range(case["labels"]))
    out = {"accuracy": metrics.accuracy_score(y, predicted), "log_loss": metrics.log_loss(y, p, labels=labels)}
    for average in ("macro", "weighted", "micro"):
        a, b, c, _ = metrics.precision_recall_fscore_support(y, predicted, average=average, zero_division=0)
        out[average] = [a, b, c]
    a, b, c, n = metrics.precision_recall_fscore_support(y, predicted, labels=labels, zero_division=0)
    out["per_class"] = [list(map(float, row)) for row in zip(a, b, c, n)]
    out["confusion"] = metrics.confusion_matrix(y, predicted, labels=labels).tolist()
    print(json.dumps(out))
