"""Reads a file of ours with the safetensors package, prints what it holds, and writes it again with that package.

Arguments: our file, and the file to write.
"""
import json
import sys

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

tensors, facts = {}, {}
with safe_open(sys.argv[1], framework="numpy") as f:
    metadata = f.metadata()
    for name in f.keys():
        a = f.get_tensor(name)
        tensors[name] = a
        facts[name] = {"dtype": str(a.dtype), "shape": list(a.shape), "sum": float(a.astype(np.float64).sum())}
save_file(tensors, sys.argv[2], metadata)
print(json.dumps({"metadata": metadata, "tensors": facts}))
