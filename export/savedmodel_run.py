"""Runs the SavedModel of the folder that it is given. It says which inputs and outputs there are, and answers each line of
standard input, a request, with a line: the numbers of an output, little-endian in base64, or what went wrong."""
import base64
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print is no answer

import numpy
import tensorflow

model = tensorflow.saved_model.load(sys.argv[1])
run = model.signatures["serving_default"]
inputs = {x.name.removesuffix(":0"): x.dtype.as_numpy_dtype for x in run.inputs if x.dtype != tensorflow.resource}


def answer(what):
    answers.write(json.dumps(what) + "\n")
    answers.flush()


answer({"inputs": sorted(inputs), "outputs": sorted(run.structured_outputs)})
for line in sys.stdin:
    try:
        request = json.loads(line)
        feeds = {}
        for x in request["inputs"]:
            numbers = numpy.frombuffer(base64.b64decode(x["data"]), dtype=x["type"]).reshape(x["shape"])
            feeds[x["name"]] = tensorflow.constant(numbers.astype(inputs[x["name"]]))
        y = run(**feeds)[request["output"]].numpy().astype("<f4")
        answer({"shape": y.shape, "data": base64.b64encode(y.tobytes()).decode()})
    except Exception as error:
        answer({"error": f"{type(error).__name__}: {error}"})
