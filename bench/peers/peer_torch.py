"""Products, training and prediction by PyTorch. Modes of networks: eager, compiled."""
import itertools
import time

import numpy as np
import torch
from torch.nn import functional as F

from peer_common import encode, pad, serve, threads
from peer_nets import build

LEAST = 5  # tokens of a batch: the widest filter of TextCNN


def tensors(batch, ragged):
    """ids, and where tokens are; that is None where they are everywhere."""
    ids, lengths = pad(batch, LEAST)
    valid = torch.from_numpy(np.arange(ids.shape[1])[None] < lengths[:, None]) if ragged else None
    return torch.from_numpy(ids.astype(np.int64)), valid


def adamw(net, rate):
    matrices = [p for p in net.parameters() if p.ndim > 1]
    rest = [p for p in net.parameters() if p.ndim == 1]
    return torch.optim.AdamW([{"params": matrices, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}], lr=rate, fused=True)


def compiled(net, s):
    return torch.compile(net, dynamic=s.get("ragged", False)) if s["mode"] == "compiled" else net


def autocast(s):
    return torch.autocast("cpu", torch.bfloat16, enabled=s["precision"] == "bf16")


def precision(s):
    if s["precision"] not in ("f32", "bf16"):
        raise ValueError("PyTorch runs in f32 or bf16 here")


def prepare_gemm(s):
    m, k, n = s["m"], s["k"], s["n"]
    kind = torch.bfloat16 if s["precision"] == "bf16" else torch.float32
    a, b = torch.randn(m, k).to(kind), torch.randn(k, n).to(kind)
    if s["order"] == "nt":
        b = b.t().contiguous().t()
    if s["order"] == "tn":
        a = a.t().contiguous().t()
    c = torch.empty(m, n, dtype=kind)
    return lambda: torch.mm(a, b, out=c)


def step(forward, net, optimizer, s, ids, valid, targets):
    optimizer.zero_grad(set_to_none=True)
    with autocast(s):
        logits = forward(ids, valid)
    F.cross_entropy(logits.float(), targets).backward()
    optimizer.step()


def prepare_train(s):
    net = build(s)
    forward, optimizer = compiled(net, s), adamw(net, 1e-3)
    batches = [(*tensors(b, s.get("ragged")), torch.tensor(c)) for b, c in zip(s["batches"], s["classes"])]
    cycle = itertools.cycle(batches)

    def one():
        with torch.enable_grad():
            step(forward, net, optimizer, s, *next(cycle))
    return one


def prepare_finetune(s):
    """The loop of those who fine-tune with transformers: dropout as the checkpoint says, clipped gradients, AdamW."""
    from transformers import AutoModelForSequenceClassification
    net = AutoModelForSequenceClassification.from_pretrained(s["folder"], num_labels=2).train()
    optimizer = adamw(net, s["rate"])
    texts = [(ids, c) for batch, classes in zip(s["batches"], s["classes"]) for ids, c in zip(batch, classes)]
    if s["mode"] == "sorted":
        texts.sort(key=lambda x: len(x[0]))
    size = len(s["batches"][0])
    batches = []
    for at in range(0, len(texts), size):
        ids, lengths = pad([ids for ids, _ in texts[at:at + size]])
        mask = np.arange(ids.shape[1])[None] < lengths[:, None]
        ids = np.where(mask, ids, net.config.pad_token_id)
        batches.append({"input_ids": torch.from_numpy(ids.astype(np.int64)), "attention_mask": torch.from_numpy(mask.astype(np.int64)),
                        "labels": torch.tensor([c for _, c in texts[at:at + size]])})
    cycle = itertools.cycle(batches)

    def one():
        with torch.enable_grad():
            optimizer.zero_grad(set_to_none=True)
            with autocast(s):
                loss = net(**next(cycle)).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
    return one


def predictor(s):
    """A function of ids and valid. Weights are bf16 already where that is asked, so that no call converts them."""
    net = build(s).eval()
    if s["precision"] == "bf16":
        net = net.to(torch.bfloat16)
    return compiled(net, s)


def prepare_infer(s):
    forward = predictor(s)
    cycle = itertools.cycle([tensors(b, s.get("ragged")) for b in s["batches"]])
    return lambda: forward(*next(cycle)).float().numpy()


def prepare_text(s):
    from tokenizers import Tokenizer
    tokenizer, forward = Tokenizer.from_file(s["tokenizer"]), predictor(s)
    size = len(s["texts"]) // s["pass"]

    def one():
        for batch in encode(tokenizer, s["texts"], size, s["max_tokens"]):
            forward(*tensors(batch, True)).float().numpy()
    return one


def prepare(s):
    precision(s)
    return {"gemm": prepare_gemm, "train": prepare_train, "infer": prepare_infer, "text": prepare_text, "fit": prepare_fit, "finetune": prepare_finetune}[s["kind"]](s)


def accuracy(forward, judge, truth):
    right = 0
    with torch.inference_mode():
        for at in range(0, len(judge), 64):
            logits = forward(*tensors(judge[at:at + 64], True))
            right += int((logits.argmax(1) == torch.tensor(truth[at:at + 64])).sum())
    return right / len(judge)


def prepare_fit(s):
    """Training from fresh weights: a call goes on for half an epoch and returns its milliseconds and the accuracy."""
    torch.manual_seed(s["seed"])
    net = build(s)
    optimizer = adamw(net, s["rate"])
    batches = [(*tensors(b, True), torch.tensor(c)) for b, c in zip(s["batches"], s["classes"])]
    steps, half = len(batches) * s["epochs"], len(batches) // 2
    warm = max(steps // 10, 1)
    order = [i for _ in range(s["epochs"]) for i in torch.randperm(len(batches)).tolist()]
    done = 0

    def advance():
        nonlocal done
        start = time.perf_counter()
        last = steps if steps - done < 2 * half else done + half
        while done < last:
            scale = min((done + 1) / warm, (steps - done) / max(steps - warm, 1))
            for group in optimizer.param_groups:
                group["lr"] = s["rate"] * scale
            step(net, net, optimizer, s, *batches[order[done]])
            done += 1
        spent = 1000 * (time.perf_counter() - start)
        return spent, accuracy(net, s["judge"], s["truth"])
    return advance


torch._dynamo.config.recompile_limit = 1000  # every network and mode counts
torch.set_num_threads(threads())
torch.set_num_interop_threads(1)
torch.manual_seed(1)


def guarded(s):
    made = prepare(s)
    if s["kind"] in ("train", "fit", "finetune"):
        return made

    def one():
        with torch.inference_mode():
            return made()
    return one


serve("PyTorch " + torch.__version__.split("+")[0], guarded)
