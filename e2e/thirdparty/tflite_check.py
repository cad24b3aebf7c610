"""Runs the TFLite models in the folders below one by LiteRT, with the plain kernels and with XNNPACK's, at the length that
the file has and at that of each text, and where the case says so by the runtime of microcontrollers. Compares them with
the numbers that their case.json has: logits differ by at most LIMIT, or, where the case says so, labels agree."""
import json
import pathlib
import sys

import numpy
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_micro.python.tflite_micro import runtime as micro

LIMIT, AGREE = 1e-4, 0.995
KERNELS = {"XNNPACK": OpResolverType.BUILTIN, "plain": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES}
ABSENT = ("feature_ids", "character_ids", "direct_ids")  # have -1 for none


def of_text(inputs, i):
    """The inputs of one text of a batch, without its padding."""
    one = {}
    for name, x in inputs.items():
        prefix = "pair_" if name.startswith("pair_") else ""
        mask = inputs.get(prefix + "attention_mask")
        n = x.shape[1] if mask is None or name.startswith("ngram_") else max(int(mask[i].sum()), 1)
        one[name] = x[i : i + 1, :n]
    return one


def padded(x, name, shape):
    y = numpy.full(shape, -1 if name.endswith(ABSENT) else 0, dtype=x.dtype)
    y[tuple(slice(0, n) for n in x.shape)] = x
    return y


def outputs(path, inputs, kernels, stored):
    """The first output of each text."""
    interpreter = Interpreter(path, experimental_op_resolver_type=kernels, num_threads=1)
    details = {d["name"]: d for d in interpreter.get_input_details()}
    assert set(details) == set(inputs), f"inputs {sorted(details)}, wanted {sorted(inputs)}"
    before = None
    for i in range(len(next(iter(inputs.values())))):
        feeds = of_text(inputs, i)
        if stored:
            feeds = {name: padded(x, name, details[name]["shape"]) for name, x in feeds.items()}
        shapes = {name: x.shape for name, x in feeds.items()}
        if shapes != before:
            for name, x in feeds.items():
                if not stored:
                    interpreter.resize_tensor_input(details[name]["index"], x.shape)
            interpreter.allocate_tensors()
            before = shapes
        for name, x in feeds.items():
            interpreter.set_tensor(details[name]["index"], x)
        interpreter.invoke()
        yield interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0].copy()


def micro_outputs(path, inputs):
    """The same by TensorFlow Lite Micro, which knows inputs by their places, and the stored sizes alone."""
    names = [d["name"] for d in Interpreter(path).get_input_details()]
    interpreter = micro.Interpreter.from_file(path, arena_size=1 << 25)
    for i in range(len(next(iter(inputs.values())))):
        feeds = of_text(inputs, i)
        for place, name in enumerate(names):
            interpreter.set_input(padded(feeds[name], name, interpreter.get_input_details(place)["shape"]), place)
        interpreter.invoke()
        yield interpreter.get_output(0)[0].copy()


def rows_of(case, inputs, made):
    """The rows that the case names, of what a batch would give."""
    length = inputs["input_ids"].shape[1] if "input_ids" in inputs else 0
    all_rows = []
    for y in made:
        if y.ndim > 1:  # a row a token
            y = y[:length]
            y = numpy.concatenate([y, numpy.zeros((length - len(y), y.shape[1]), y.dtype)])
        all_rows.append(y.reshape(-1, y.shape[-1]))
    return numpy.concatenate(all_rows)[case["rows"]][:, : len(case["expected"][0])]


def inputs_of(case):
    types = {"int64": numpy.int32, "float32": numpy.float32}
    return {name: numpy.array(x["data"], dtype=types[x["type"]]).reshape(x["shape"]) for name, x in case["inputs"].items()}


folders = sorted(path.parent for path in pathlib.Path(sys.argv[1]).glob("*/case.json"))
assert folders, "no cases"
worst, failed, lines = {}, [], []
for folder in folders:
    case, path = json.loads((folder / "case.json").read_text()), str(folder / "model.tflite")
    expected, inputs = numpy.array(case["expected"], dtype="float32"), inputs_of(case)
    ways = {f"{kernels}, {'stored length' if stored else 'length of each text'}": outputs(path, inputs, resolver, stored)
            for kernels, resolver in KERNELS.items() for stored in (True, False)
            if not case.get("many") or stored == (kernels == "plain")}
    if case.get("micro"):
        ways["microcontroller"] = micro_outputs(path, inputs)
    for way, made in ways.items():
        name = f"{folder.name}, {way}"
        try:
            rows = rows_of(case, inputs, made)
        except Exception as error:  # all of them are told, not the first alone
            failed.append(f"{name}: {error}")
            continue
        difference = float(numpy.abs(rows - expected).max())
        if case.get("labels"):
            same = float((rows.argmax(1) == expected.argmax(1)).mean())
            lines.append(f"{name}: {100 * same:.2f} % of {len(rows)} labels, logits differ by at most {difference:.3g}")
            if not same >= AGREE:
                failed.append(lines[-1])
            continue
        models, most = worst.get(way, (0, 0.0))
        worst[way] = models + 1, max(most, difference)
        if not difference <= LIMIT:
            failed.append(f"{name}: differs by {difference} of {numpy.abs(expected).max()}")
if failed:
    sys.exit("\n".join(failed))
for way, (models, most) in worst.items():
    lines.append(f"{way}: {models} float models, greatest difference {most:.2g}")
print("\n".join(lines))
