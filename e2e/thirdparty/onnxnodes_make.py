"""Writes the cases that the package onnx brings for the named operations, of types that encoders of texts use: a model of
one node, its inputs and its outputs."""
import json
import pathlib
import sys

import numpy
import onnx
from onnx.backend.test.loader import load_model_tests

TYPES = {"float32": "floats", "int64": "ints", "int32": "ints", "bool": "ints", "uint8": "ints", "int8": "ints"}
IN = {"float32", "int64", "int32", "bool"}  # a program is fed no others

out, wanted = pathlib.Path(sys.argv[1]), set(sys.argv[2:])


def tensor(array):
    if not numpy.isfinite(array.astype("float64")).all():
        return None
    if array.dtype == bool:
        return {"shape": list(array.shape), "ints": array.astype("int64").flatten().tolist()}
    return {"shape": list(array.shape), TYPES[str(array.dtype)]: array.flatten().tolist()}


for case in load_model_tests(kind="node"):
    if case.model is not None:
        model = case.model
    else:
        model = onnx.load(pathlib.Path(case.model_dir) / "model.onnx")
    nodes = model.graph.node
    if len(nodes) != 1 or nodes[0].op_type not in wanted or nodes[0].domain not in ("", "ai.onnx") or not case.data_sets:
        continue
    for opset in model.opset_import:  # what these operations do has not changed since they were made
        opset.version = max(opset.version, 13)
    inputs, outputs = case.data_sets[0]
    arrays = [numpy.asarray(x) for x in list(inputs) + list(outputs)]
    if any(str(a.dtype) not in TYPES for a in arrays) or any(str(a.dtype) not in IN for a in arrays[: len(inputs)]):
        continue
    # Shapes, axes and weights are constants in the models of encoders: programs prepare them.
    names = [i.name for i in model.graph.input]
    if any(not i.type.HasField("tensor_type") for i in model.graph.input):
        continue
    constants = {"LSTM": (1, 2, 3), "GRU": (1, 2, 3), "RNN": (1, 2, 3)}.get(nodes[0].op_type, ())
    feeds = {}
    for at, (name, array) in enumerate(zip(names, arrays)):
        if at in constants:
            model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
        else:
            feeds[name] = tensor(array)
    results = {o.name: tensor(a) for o, a in zip(model.graph.output, arrays[len(inputs):])}
    if None in feeds.values() or None in results.values():
        continue
    folder = out / case.name
    folder.mkdir()
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    (folder / "case.json").write_text(json.dumps({"op": nodes[0].op_type, "inputs": feeds, "outputs": results}))
