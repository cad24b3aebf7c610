"""Runs the TFLite model of the folder that it is given, text by text. It says which inputs and outputs there are, and answers
each line of standard input, a request, with a line: the numbers of an output, little-endian in base64, or what went wrong."""
import base64
import json
import os
import sys

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print is no answer

import numpy
from ai_edge_litert.interpreter import Interpreter

interpreter = Interpreter(os.path.join(sys.argv[1], "model.tflite"))
inputs = {x["name"]: x for x in interpreter.get_input_details()}
outputs = {x["name"]: x["index"] for x in interpreter.get_output_details()}
sizes = None


def answer(what):
    answers.write(json.dumps(what) + "\n")
    answers.flush()


def run(feeds, output):
    global sizes
    wanted = {name: [1, *x.shape[1:]] for name, x in feeds.items()}
    if wanted != sizes:
        for name, shape in wanted.items():
            interpreter.resize_tensor_input(inputs[name]["index"], shape)
        interpreter.allocate_tensors()
        sizes = wanted
    rows = []
    for i in range(len(next(iter(feeds.values())))):
        for name, x in feeds.items():
            interpreter.set_tensor(inputs[name]["index"], x[i : i + 1])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(outputs[output]))
    return numpy.concatenate(rows)


answer({"inputs": sorted(inputs), "outputs": sorted(outputs)})
for line in sys.stdin:
    try:
        request, feeds = json.loads(line), {}
        for x in request["inputs"]:
            numbers = numpy.frombuffer(base64.b64decode(x["data"]), dtype=x["type"]).reshape(x["shape"])
            feeds[x["name"]] = numbers.astype(inputs[x["name"]]["dtype"])
        y = run(feeds, request["output"]).astype("<f4")
        answer({"shape": y.shape, "data": base64.b64encode(y.tobytes()).decode()})
    except Exception as error:
        answer({"error": f"{type(error).__name__}: {error}"})
