"""Cuts lines with jieba, without or with its model for new words, as the commands on standard input say.

Arguments: the files of the gold standard. First a line with the time and memory of loading is printed; then for each
line "SET HMM" on standard input the seconds of processor time and the hits, words and gold words, as JSON.
"""
import json
import logging
import resource
import sys
import time
import warnings

warnings.filterwarnings("ignore")
import jieba

jieba.setLogLevel(logging.ERROR)
jieba.dt.cache_file = None
start = time.process_time()
jieba.initialize()
print(json.dumps({"load_s": time.process_time() - start, "rss_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}), flush=True)

gold = [[line.split() for line in open(path, encoding="utf-8-sig")] for path in sys.argv[1:]]
texts = [["".join(words) for words in lines] for lines in gold]


def spans(words):
    out, at = set(), 0
    for w in words:
        out.add((at, at + len(w)))
        at += len(w)
    return out


for command in sys.stdin:
    number, hmm = command.split()
    number = int(number)
    start = time.process_time()
    cut = [jieba.lcut(t, HMM=hmm == "1") for t in texts[number]]
    seconds = time.process_time() - start
    hits = words = wanted = 0
    for g, c in zip(gold[number], cut):
        hits, words, wanted = hits + len(spans(g) & spans(c)), words + len(c), wanted + len(g)
    print(json.dumps({"seconds": seconds, "hits": hits, "words": words, "gold": wanted}), flush=True)
