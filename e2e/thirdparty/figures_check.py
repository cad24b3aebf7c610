"""Computes figures with scikit-learn, scipy and seqeval.

Standard input: JSON lines, each with a "kind" and the inputs of it; prints a JSON line of figures for each as it comes. A
figure that does not exist is null.
"""
import json
import math
import sys
import warnings

import numpy as np
from scipy import stats
from sklearn import metrics
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as lenient
from seqeval.metrics.v1 import precision_recall_fscore_support as strict
from seqeval.scheme import IOB2, IOBES

warnings.simplefilter("ignore")


def mean(values):
    values = [v for v in values if v is not None and not math.isnan(v)]
    return float(np.mean(values)) if values else None


def areas(holds, scores):
    """ROC AUC and average precision, None where either kind of example is missing."""
    if len(set(holds)) < 2:
        return None, None
    return float(metrics.roc_auc_score(holds, scores)), float(metrics.average_precision_score(holds, scores))


def classes(case):
    y = np.array(case["targets"])
    p = np.array(case["probs"], dtype=np.float64)
    predicted = p.argmax(axis=1)
    k = case["labels"]
    columns = [1] if k == 2 else range(k)
    both = [areas((y == c).tolist(), p[:, c]) for c in columns]
    return {"mcc": metrics.matthews_corrcoef(y, predicted), "kappa": metrics.cohen_kappa_score(y, predicted),
            "roc_auc": mean([a for a, _ in both]), "pr_auc": mean([b for _, b in both])}


def sets(case):
    k = case["labels"]
    y, predicted = np.zeros((2, len(case["targets"]), k), dtype=int)
    for i, (a, b) in enumerate(zip(case["targets"], case["predicted"])):
        y[i, a or []] = 1
        predicted[i, b or []] = 1
    scores = np.array(case["probs"], dtype=np.float64)
    both = [areas(y[:, c].tolist(), scores[:, c]) for c in range(k)]
    if k == 1:  # a single column would be taken for two classes
        y, predicted = (np.hstack([m, np.zeros_like(m)]) for m in (y, predicted))
    occurs = [c for c in range(k) if y[:, c].any() or predicted[:, c].any()]
    out = {"accuracy": metrics.accuracy_score(y, predicted), "hamming_loss": float((y[:, :k] != predicted[:, :k]).mean()),
           "roc_auc": mean([a for a, _ in both]), "pr_auc": mean([b for _, b in both])}
    for average in ("micro", "macro", "weighted"):
        a, b, c, _ = metrics.precision_recall_fscore_support(y, predicted, average=average, labels=occurs or None, zero_division=0)
        out[average] = [float(a), float(b), float(c)]
    return out


def numbers(case):
    t, p = np.array(case["targets"]), np.array(case["predictions"])
    constant = bool((t == t[0]).all())
    if case["huge"]:  # squares of these overflow in double precision: reckon with 80 bits
        t, p = t.astype(np.longdouble), p.astype(np.longdouble)
        e = t - p
        spread = ((t - t.mean()) ** 2).mean()
        out = {"mae": np.abs(e).mean(), "rmse": np.sqrt((e ** 2).mean()),
               "r2": None if constant else 1 - (e ** 2).mean() / spread,
               "explained_variance": None if constant else 1 - ((e - e.mean()) ** 2).mean() / spread}
        a, b = t - t.mean(), p - p.mean()
        flat = constant or bool((p == p[0]).all())
        out["pearson"] = None if flat else (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())
    else:
        out = {"mae": metrics.mean_absolute_error(t, p), "rmse": metrics.root_mean_squared_error(t, p), "mse": metrics.mean_squared_error(t, p),
               "r2": None if constant else metrics.r2_score(t, p),
               "explained_variance": None if constant else metrics.explained_variance_score(t, p)}
        out["pearson"] = stats.pearsonr(t, p).statistic if len(t) > 1 else None
    out["spearman"] = stats.spearmanr(case["targets"], case["predictions"]).statistic if len(t) > 1 else None
    return {k: None if v is None or math.isnan(v) else float(v) for k, v in out.items()}


def tags(case):
    scheme = {"iob2": IOB2, "iobes": IOBES}.get(case["scheme"])
    out = {}
    for average in ("micro", "macro", "weighted"):
        try:
            if scheme:
                a, b, c, _ = strict(case["targets"], case["predicted"], average=average, scheme=scheme, zero_division=0)
            else:
                a, b, c, _ = lenient(case["targets"], case["predicted"], average=average, zero_division=0)
        except (ValueError, IndexError):  # seqeval has no answer where there is no entity at all
            a = b = c = 0
        out[average] = [0 if math.isnan(v) else float(v) for v in (a, b, c)]
    return out


def compare(case):
    a, b = case["only_a"], case["only_b"]
    return {"p": stats.binomtest(a, a + b).pvalue if a + b else 1.0}


def scaling(case):
    """The temperature of the least log loss, by scipy."""
    from scipy.optimize import minimize_scalar
    y = np.array(case["targets"])
    z = np.log(np.clip(np.array(case["probs"], dtype=np.float64), 2.0 ** -52, 1 - 2.0 ** -52))

    def loss(log_t):
        s = z / math.exp(log_t)
        s = s - s.max(axis=1, keepdims=True)
        return float((np.log(np.exp(s).sum(axis=1)) - s[np.arange(len(y)), y]).mean())
    best = minimize_scalar(loss, bounds=(math.log(0.05), math.log(20)), method="bounded", options={"xatol": 1e-9})
    return {"temperature": math.exp(best.x), "loss": best.fun}


def threshold(case):
    """The best F1 that any threshold reaches."""
    holds, scores = np.array(case["holds"]), np.array(case["scores"])
    best = 0.0
    for t in np.unique(scores):
        best = max(best, metrics.f1_score(holds, scores >= t, zero_division=0))
    return {"f1": float(best)}


kinds = {"classes": classes, "sets": sets, "numbers": numbers, "tags": tags, "compare": compare, "scaling": scaling, "threshold": threshold}
for line in sys.stdin:
    case = json.loads(line)
    out = kinds[case["kind"]](case)
    print(json.dumps({k: None if isinstance(v, float) and math.isnan(v) else v for k, v in out.items()}), flush=True)
