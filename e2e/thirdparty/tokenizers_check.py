"""Encodes lines with the tokenizers package and compares ids and offsets with ours.

Arguments: a tokenizer.json, and a file of JSON lines {"text", "ids", "spans"} with spans in bytes of UTF-8.
"""
import json
import sys

from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file(sys.argv[1])
count = wrong = 0
for line in open(sys.argv[2], encoding="utf-8"):
    ours = json.loads(line)
    text = ours["text"]
    theirs = tokenizer.encode(text)
    # From characters to bytes.
    at = [0]
    for c in text:
        at.append(at[-1] + len(c.encode("utf-8")))
    spans = [[at[a], at[b]] for a, b in theirs.offsets]
    count += 1
    if theirs.ids != (ours["ids"] or []) or spans != (ours["spans"] or []):
        wrong += 1
        if wrong <= 5:
            print("text", repr(text[:200]), "\n  ours  ", (ours["ids"] or [])[:40], (ours["spans"] or [])[:40],
                  "\n  theirs", theirs.ids[:40], spans[:40], theirs.tokens[:40])
print(f"{count} lines, {wrong} differ")
sys.exit(wrong > 0)
