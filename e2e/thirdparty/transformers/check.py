"""Opens packages as users of transformers, sentence-transformers and peft do, and prints what they say of texts."""
import json
import os
import sys

import peft
import sentence_transformers
import torch
import transformers
from safetensors.torch import load_file

CLASSES = {
    "sequence": transformers.AutoModelForSequenceClassification,
    "tokens": transformers.AutoModelForTokenClassification,
    "span": transformers.AutoModelForQuestionAnswering,
    "masked": transformers.AutoModelForMaskedLM,
    "causal": transformers.AutoModelForCausalLM,
    "mean": transformers.AutoModel,
}


def load(kind, folder):
    """The network, and the names of the weights that its folder lacks. Poolers that nothing reads may be lacking."""
    net, info = CLASSES[kind].from_pretrained(folder, output_loading_info=True)
    missing = [name for name in info["missing_keys"] if kind != "mean" or "pooler" not in name]
    return net.eval(), sorted(missing)


def batch(folder, s):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right"
    return tokenizer(s["texts"], s.get("pairs"), padding=True, return_tensors="pt")


def adapted(s):
    """The base with the adapter beside it."""
    with open(os.path.join(s["folder"], "..", "config.json")) as f:
        labels = len(json.load(f)["id2label"])
    base = transformers.AutoModelForSequenceClassification.from_pretrained(s["base"], num_labels=labels, ignore_mismatched_sizes=True)
    return peft.PeftModel.from_pretrained(base, s["folder"]).eval()


def check(s):
    kind, folder = s["kind"], s["folder"]
    if kind == "sentence":
        net = sentence_transformers.SentenceTransformer(folder, device="cpu")
        return {"outputs": [[row.tolist()] for row in net.encode(s["texts"])], "missing": [], "loaded": type(net).__name__}
    if kind == "adapter":
        net, missing = adapted(s), []
        x = batch(os.path.join(folder, ".."), s)
    else:
        net, missing = load(kind, folder)
        x = batch(folder, s)
    out = net(**x)
    mask = x["attention_mask"].bool()
    rows = range(len(s["texts"]))
    if kind == "span":
        outputs = [torch.stack([out.start_logits[i][mask[i]], out.end_logits[i][mask[i]]], 1) for i in rows]
    elif kind == "mean":
        weights = load_file(os.path.join(folder, "model.safetensors"))
        means = [out.last_hidden_state[i][mask[i]].mean(0, keepdim=True) for i in rows]
        outputs = [m @ weights["classifier.weight"].T + weights["classifier.bias"] for m in means]
    elif kind in ("sequence", "adapter"):
        outputs = [out.logits[i:i + 1] for i in rows]
    else:
        outputs = [out.logits[i][mask[i]] for i in rows]
    return {
        "ids": [x["input_ids"][i][mask[i]].tolist() for i in rows], "outputs": [o.double().tolist() for o in outputs],
        "missing": missing, "loaded": type(net).__name__,
    }


torch.set_grad_enabled(False)
transformers.utils.logging.disable_progress_bar()
print(", ".join(f"{m.__name__} {m.__version__}" for m in (torch, transformers, sentence_transformers, peft)))
answers = {}
with open(sys.argv[1]) as f:
    questions = json.load(f)
for i, s in enumerate(questions):
    print(f"\r{i + 1}/{len(questions)} {s['name']:40}", end="", file=sys.stderr)
    try:
        answers[s["name"]] = check(s)
    except Exception as e:
        answers[s["name"]] = {"error": f"{type(e).__name__}: {e}".splitlines()[0][:200]}
print(file=sys.stderr)
json.dump(answers, sys.stdout)
