"""Counts how often the labels of the ONNX models in the folders below one are those of the model in float32, whose logits
their case.json has; less than 99.5 of 100 is a failure."""
import json
import pathlib
import sys

import numpy
import onnxruntime

LIMIT = 0.995

failed, lines = [], []
for folder in sorted(path.parent for path in pathlib.Path(sys.argv[1]).glob("*/case.json")):
    case = json.loads((folder / "case.json").read_text())
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    feeds = {name: numpy.array(x["data"], dtype=x["type"]).reshape(x["shape"]) for name, x in case["inputs"].items()}
    logits, expected = session.run(["logits"], feeds)[0], numpy.array(case["expected"])
    same = float((logits.argmax(1) == expected.argmax(1)).mean())
    lines.append(f"{folder.name}: {100 * same:.2f} % of {len(logits)}, logits differ by at most {abs(logits - expected).max():.3g}")
    if same < LIMIT:
        failed.append(lines[-1])
assert lines, "no cases"
if failed:
    sys.exit("\n".join(failed))
print("\n".join(lines))
