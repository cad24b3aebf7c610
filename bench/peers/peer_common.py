"""What the peers share: answering questions, timing, padding."""
import json
import os
import sys
import time
import traceback

import numpy as np


def threads():
    return int(sys.argv[1])


def answer(**content):
    OUT.write(json.dumps(content) + "\n")
    OUT.flush()


def serve(product, prepare):
    """Answers until standard input ends. prepare(spec) returns a function that runs one iteration's batch.

    An iteration is the mean of spec["pass"] calls of that function.
    """
    works = {}
    answer(product=product)
    for line in sys.stdin:
        question = json.loads(line)
        op, name = question["op"], question.get("name")
        try:
            if op == "prepare":
                works[name] = prepare(question["spec"]), question["spec"].get("pass", 1)
                answer()
            elif op == "run":
                answer(ms=run(*works[name], question["n"]))
            elif op == "drop":
                works.pop(name, None)
                answer()
            elif op == "advance":
                ms, figure = works[name][0]()
                answer(ms=[ms], figure=figure)
            elif op == "peak":
                answer(mb=peak())
        except Exception as e:  # told to the other side, which goes on without this work
            if os.environ.get("PEER_TRACE"):
                traceback.print_exc()
            answer(error=f"{type(e).__name__}: {e}".splitlines()[0][:300])


def peak():
    """Megabytes; getrusage would tell the other side's peak where that was higher, since it has started this process."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))


def run(step, calls, n):
    times = []
    for _ in range(n):
        start = time.perf_counter()
        for _ in range(calls):
            step()
        times.append(1000 * (time.perf_counter() - start) / calls)
    return times


def pad(batch, least=1):
    """Token ids as one array, filled up with 0 to the longest text, and the lengths."""
    lengths = np.array([len(ids) for ids in batch], np.int32)
    ids = np.zeros((len(batch), max(lengths.max(), least)), np.int32)
    for i, row in enumerate(batch):
        ids[i, :len(row)] = row
    return ids, lengths


def encode(tokenizer, texts, size, limit):
    """Batches of ids from texts, sorted by length."""
    rows = sorted((e.ids[:limit] for e in tokenizer.encode_batch(texts, add_special_tokens=False)), key=len)
    return [rows[i:i + size] for i in range(0, len(rows), size)]


# Libraries that print must not disturb the answers.
OUT = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
