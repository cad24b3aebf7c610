"""Checks the ONNX models in the folders below one: onnx's checker accepts them, shapes can be inferred, and ONNX Runtime
makes the numbers that their case.json has."""
import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime

LIMIT = 1e-4


def run(folder):
    case = json.loads((folder / "case.json").read_text())
    path = str(folder / "model.onnx")
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = {
        name: numpy.array(x["data"], dtype=x["type"]).reshape(x["shape"])
        for name, x in case["inputs"].items()
    }
    output = session.run(None, feeds)[0]
    rows = output.reshape(-1, output.shape[-1])[case["rows"]][:, : len(case["expected"][0])]
    return float(numpy.abs(rows - numpy.array(case["expected"], dtype="float32")).max()), float(numpy.abs(rows).max())


folders = sorted(path.parent for path in pathlib.Path(sys.argv[1]).glob("*/case.json"))
assert folders, "no cases"
worst, failed = 0.0, []
for folder in folders:
    try:
        difference, size = run(folder)
    except Exception as error:  # all of them are told, not the first alone
        failed.append(f"{folder.name}: {error}")
        continue
    worst = max(worst, difference)
    if not difference <= LIMIT:
        failed.append(f"{folder.name}: differs by {difference} of {size}")
if failed:
    sys.exit("\n".join(failed))
print(f"{len(folders)} models, greatest difference {worst:.2g}")
