"""Reads static embeddings of ours with the package model2vec, prints its vectors of some texts, and writes the model
again with that package, as it is and with half of the rows shared.

Arguments: our folder, the folders to write, a file of texts as JSON.
"""
import json
import sys

import numpy as np
from model2vec import StaticModel

ours, again, shared, texts = sys.argv[1:5]
texts = json.load(open(texts, encoding="utf-8"))
model = StaticModel.from_pretrained(ours, force_download=False)
vectors = model.encode(texts)
model.save_pretrained(again)
n = len(model.tokens)
half = StaticModel(
    vectors=model.embedding[: n // 2], tokenizer=model.tokenizer, config=model.config, normalize=False,
    weights=np.linspace(0.5, 2, n), token_mapping=np.arange(n) % (n // 2),
)
half.save_pretrained(shared)
print(json.dumps({"vectors": vectors.astype(float).tolist(), "shared": half.encode(texts).astype(float).tolist()}))
