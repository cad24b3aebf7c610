"""Reads files of GGUF with the package gguf, and compares every tensor with its own rounding of the same numbers.

Argument: a folder. NAME.gguf has the tensors of NAME.expected.safetensors (under GGUF's names, in GGUF's layout, float32),
each in the type that the file says.
"""
import glob
import os
import sys

import gguf
import numpy as np
from safetensors.numpy import load_file

files = sorted(glob.glob(os.path.join(sys.argv[1], "*.gguf")))
tensors, types = 0, {}
for path in files:
    reader = gguf.GGUFReader(path)
    expected = load_file(path.removesuffix(".gguf") + ".expected.safetensors")
    assert {t.name for t in reader.tensors} == set(expected), path
    for t in reader.tensors:
        want = gguf.quants.quantize(expected[t.name], t.tensor_type)
        assert list(t.shape) == list(reversed(expected[t.name].shape)), (path, t.name, t.shape)
        assert t.data.tobytes() == want.tobytes(), (path, t.name, t.tensor_type)
        tensors, types[t.tensor_type.name] = tensors + 1, types.get(t.tensor_type.name, 0) + 1
    keys = {name: field.contents() for name, field in reader.fields.items()}
    architecture = keys["general.architecture"]
    assert architecture in gguf.MODEL_ARCH_NAMES.values(), architecture
    assert len(keys["tokenizer.ggml.tokens"]) == len(keys["tokenizer.ggml.token_type"]), path
    # The first was the name of the token that begins a text, the others are newer than the package.
    known = {"tokenizer.ggml.cls_token_id", "tokenizer.ggml.normalizer.lowercase", "tokenizer.ggml.normalizer.strip_accents"}
    known |= {value for name, value in vars(gguf.constants.Keys.Tokenizer).items() if isinstance(value, str)}
    unknown = [name for name in keys if name.startswith("tokenizer.") and name not in known]
    assert not unknown, unknown
assert len(files) > 0
print(len(files), "files,", tensors, "tensors:", types)
