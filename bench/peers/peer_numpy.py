"""Matrix products by numpy, which is OpenBLAS."""
import numpy as np

from peer_common import serve


def prepare(spec):
    if spec["precision"] != "f32":
        raise ValueError("numpy multiplies in f32")
    m, k, n = spec["m"], spec["k"], spec["n"]
    random = np.random.default_rng(1)
    a, b = (random.standard_normal(shape, np.float32) for shape in ((m, k), (k, n)))
    if spec["order"] == "nt":
        b = np.ascontiguousarray(b.T).T
    if spec["order"] == "tn":
        a = np.ascontiguousarray(a.T).T
    c = np.empty((m, n), np.float32)
    return lambda: np.matmul(a, b, out=c)


serve("numpy " + np.__version__ + " (OpenBLAS)", prepare)
