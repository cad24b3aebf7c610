"""Loads the SavedModels in the folders below one as Python programs do and, by the C interface, as servers do, and
compares the signature's first output with the numbers that their case.json has: within 1e-4, and within 0.02 where the
folder's name ends in -f16. Loops run differently in a session: they are run in both."""
import ctypes
import json
import os
import pathlib
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy
import tensorflow

LIMIT, HALF_LIMIT = 1e-4, 0.02
library = ctypes.CDLL(str(next(pathlib.Path(tensorflow.__file__).parent.glob("libtensorflow_cc.so*"))))
for name in ("TF_NewStatus", "TF_NewGraph", "TF_NewSessionOptions", "TF_LoadSessionFromSavedModel"):
    getattr(library, name).restype = ctypes.c_void_p
library.TF_Message.restype = ctypes.c_char_p


def serve(folder):
    """What TensorFlow Serving does first."""
    status, graph, options = (ctypes.c_void_p(f()) for f in (library.TF_NewStatus, library.TF_NewGraph, library.TF_NewSessionOptions))
    tags = (ctypes.c_char_p * 1)(b"serve")
    library.TF_LoadSessionFromSavedModel(options, None, str(folder).encode(), tags, 1, graph, None, status)
    if library.TF_GetCode(status) != 0:
        raise RuntimeError(library.TF_Message(status).decode())


def run(folder):
    case = json.loads((folder / "case.json").read_text())
    signature = tensorflow.saved_model.load(str(folder)).signatures["serving_default"]
    whole = {"int64": "int32"}
    feeds = {
        name: numpy.array(x["data"], dtype=whole.get(x["type"], x["type"])).reshape(x["shape"])
        for name, x in case["inputs"].items()
    }
    results = signature(**{name: tensorflow.constant(x) for name, x in feeds.items()})
    wanted = "logits" if "logits" in results else "embedding"
    outputs = [results[wanted].numpy()]
    if b"StatelessWhile" in (folder / "saved_model.pb").read_bytes():
        with tensorflow.Graph().as_default(), tensorflow.compat.v1.Session() as session:
            tensorflow.compat.v1.saved_model.load(session, ["serve"], str(folder))
            outputs.append(session.run(wanted + ":0", {name + ":0": x for name, x in feeds.items()}))
    expected = numpy.array(case["expected"], dtype="float32")
    difference, size = 0.0, float(numpy.abs(expected).max())
    for output in outputs:
        rows = output.reshape(-1, output.shape[-1])[case["rows"]][:, : expected.shape[1]]
        difference = max(difference, float(numpy.abs(rows - expected).max()))
    return difference, size


folders = sorted(path.parent for path in pathlib.Path(sys.argv[1]).glob("*/case.json"))
assert folders, "no cases"
worst, failed = {}, []
for folder in folders:
    try:
        serve(folder)
        difference, size = run(folder)
    except Exception as error:  # all of them are told, not the first alone
        failed.append(f"{folder.name}: {str(error)[:600]}")
        continue
    limit = HALF_LIMIT if folder.name.endswith("-f16") else LIMIT
    worst[limit] = max(worst.get(limit, 0), difference)
    if not difference <= limit:
        failed.append(f"{folder.name}: differs by {difference} of {size}")
if failed:
    sys.exit("\n".join(failed))
print(f"TensorFlow {tensorflow.__version__}: {len(folders)} models, greatest differences by limit {worst}")
