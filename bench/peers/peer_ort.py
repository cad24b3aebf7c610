"""Products and prediction by ONNX Runtime. Modes: plain (the operators that an exporter writes, which the runtime then
fuses as it can) and fused (its own fused operators); precisions f32 and int8 (dynamic quantisation)."""
import itertools
import logging
import os
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.quantization import QuantType, quantize_dynamic

from peer_common import encode, pad, serve, threads
from peer_graphs import build, product

ort.set_default_logger_severity(3)
logging.disable(logging.WARNING)


def session(s, model):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.onnx")
        onnx.save(model, path)
        if s["precision"] == "int8":
            small = os.path.join(folder, "int8.onnx")
            quantize_dynamic(path, small, weight_type=QuantType.QInt8, extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})
            path = small
        elif s["precision"] != "f32":
            raise ValueError("ONNX Runtime runs in f32 or int8 here")
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads, options.inter_op_num_threads = threads(), 1
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def feed(batch, ragged):
    ids, lengths = pad(batch, 5)
    return {"ids": ids, "lengths": lengths} if ragged else {"ids": ids}


def prepare_gemm(s):
    net = session(s, product(s["k"], s["n"]))
    x = {"x": np.random.default_rng(1).standard_normal((s["m"], s["k"]), np.float32)}
    return lambda: net.run(None, x)


def prepare_infer(s):
    net = session(s, build(s))
    cycle = itertools.cycle([feed(b, s.get("ragged")) for b in s["batches"]])
    return lambda: net.run(None, next(cycle))


def prepare_text(s):
    from tokenizers import Tokenizer
    tokenizer, net = Tokenizer.from_file(s["tokenizer"]), session(s, build(s))
    size = len(s["texts"]) // s["pass"]

    def one():
        for batch in encode(tokenizer, s["texts"], size, s["max_tokens"]):
            net.run(None, feed(batch, True))
    return one


def prepare(s):
    return {"gemm": prepare_gemm, "infer": prepare_infer, "text": prepare_text}[s["kind"]](s)


serve("ONNX Runtime " + ort.__version__, prepare)
