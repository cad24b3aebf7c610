"""Encodes lines with the tokenizers package and compares ids and offsets with ours.

Arguments: a tokenizer.json, and a file of JSON lines {"text", "ids", "spans"} with spans in bytes of UTF-8; with "pair"
in them, pairs; with "special", special tokens are added; with "types" and "decoded", those are compared as well.
"""
import itertools
import json
import sys

from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file(sys.argv[1])
tokenizer.no_truncation()
tokenizer.no_padding()


def starts(text):
    """The first byte of each character, and the length."""
    if text.isascii():
        return range(len(text) + 1)
    at = [0]
    for c in text:
        at.append(at[-1] + len(c.encode("utf-8")))
    return at


count = wrong = 0
lines = open(sys.argv[2], encoding="utf-8")
while batch := [json.loads(line) for line in itertools.islice(lines, 1000)]:
    special = batch[0].get("special", False)
    texts = [(b["text"], b["pair"]) if "pair" in b else b["text"] for b in batch]
    for ours, theirs in zip(batch, tokenizer.encode_batch(texts, add_special_tokens=special)):
        at = [starts(ours["text"]), starts(ours.get("pair", ""))]
        spans = [[at[s or 0][a], at[s or 0][b]] for (a, b), s in zip(theirs.offsets, theirs.sequence_ids)]
        count += 1
        same = theirs.ids == (ours["ids"] or []) and spans == (ours["spans"] or [])
        if "types" in ours:
            same = same and theirs.type_ids == (ours["types"] or [])
        if "decoded" in ours:
            same = same and tokenizer.decode(theirs.ids) == ours["decoded"]
        if not same:
            wrong += 1
            if wrong <= 5:
                n = next((i for i, (a, b) in enumerate(zip(zip(theirs.ids, spans), zip(ours["ids"] or [], ours["spans"] or []))) if a != b), 0)
                n = max(0, n - 2)
                print("text", ascii(ours["text"][:300]), ascii(ours.get("pair", ""))[:100], "from token", n, "\n  ours  ", (ours["ids"] or [])[n:n + 12], (ours["spans"] or [])[n:n + 12],
                      "\n  theirs", theirs.ids[n:n + 12], spans[n:n + 12], theirs.tokens[n:n + 12])
                if "decoded" in ours:
                    print("  decoded", ascii(ours["decoded"][:200]), ascii(tokenizer.decode(theirs.ids)[:200]))
print(f"{count} lines, {wrong} differ")
sys.exit(wrong > 0)
