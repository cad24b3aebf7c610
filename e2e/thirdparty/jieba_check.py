"""Cuts lines with jieba, without its model for new words, and writes the words of each as a JSON list.

Argument: a file of lines.
"""
import json
import logging
import sys
import warnings

warnings.filterwarnings("ignore")
import jieba

jieba.setLogLevel(logging.ERROR)
jieba.dt.cache_file = None
for line in open(sys.argv[1], encoding="utf-8"):
    print(json.dumps(jieba.lcut(line.rstrip("\n"), HMM=False), ensure_ascii=False))
