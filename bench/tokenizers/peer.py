"""The peer of bench/tokenizers: the tokenizers package on one thread. Reads commands of JSON, one a line, and answers with
seconds of processor time.
"""
import json
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers  # noqa: E402

loaded = {}


def encode(path, texts):
    if path not in loaded:
        loaded[path] = Tokenizer.from_file(path)
        loaded[path].no_truncation()
        loaded[path].no_padding()
    t = loaded[path]
    start = time.process_time()
    for s in texts:
        t.encode(s, add_special_tokens=False)
    one = time.process_time() - start
    start = time.process_time()
    t.encode_batch(texts, add_special_tokens=False)
    return {"encode": one, "batch": time.process_time() - start}


def train(kind, size, texts):
    special = ["[PAD]", "[UNK]"]
    lower = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    if kind == "wordpiece":
        t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        t.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.BertNormalizer()])
        t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=size, min_frequency=2, special_tokens=special, limit_alphabet=size * 3 // 4, show_progress=False)
    elif kind == "bpe":
        t = Tokenizer(models.BPE())
        t.normalizer = lower
        t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = trainers.BpeTrainer(vocab_size=size, min_frequency=2, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    else:
        t = Tokenizer(models.Unigram())
        t.normalizer = lower
        t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation("isolated")])
        trainer = trainers.UnigramTrainer(vocab_size=size, special_tokens=special, unk_token="[UNK]", show_progress=False)
    start = time.process_time()
    t.train_from_iterator(texts, trainer)
    return {"train": time.process_time() - start}


for line in sys.stdin:
    c = json.loads(line)
    texts = json.load(open(c["texts"], encoding="utf-8"))
    answer = train(c["train"], c["size"], texts) if "train" in c else encode(c["tokenizer"], texts)
    print(json.dumps(answer), flush=True)
