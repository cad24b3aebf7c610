"""Makes tokenizers of the common kinds with the tokenizers package, for ours to read.

Arguments: a folder to write to, and a file of texts, a JSON string a line.
"""
import json
import os
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

out, corpus = sys.argv[1], [json.loads(line) for line in open(sys.argv[2], encoding="utf-8")]
GPT4 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def bert(t, cls="[CLS]", sep="[SEP]"):
    ids = [(x, t.token_to_id(x)) for x in (cls, sep)]
    t.post_processor = processors.TemplateProcessing(single=f"{cls} $A {sep}", pair=f"{cls} $A {sep} $B:1 {sep}:1", special_tokens=ids)


def save(name, t):
    t.save(os.path.join(out, name + ".json"))


special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
t.normalizer = normalizers.BertNormalizer(lowercase=False)
t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
t.decoder = decoders.WordPiece()
t.train_from_iterator(corpus, trainers.WordPieceTrainer(vocab_size=8000, special_tokens=special, show_progress=False))
bert(t)
save("bert-cased", t)

byte_alphabet = pre_tokenizers.ByteLevel.alphabet()
for name, pre in {
    "gpt2": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "roberta": pre_tokenizers.ByteLevel(add_prefix_space=True),
    "llama3": pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(GPT4 % r"\p{N}{1,3}"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]),
    "qwen2": pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(GPT4 % r"\p{N}"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]),
    "o200k": pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(O200K), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]),
    "starcoder": pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]),
}.items():
    t = Tokenizer(models.BPE())
    if name == "qwen2":
        t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre
    t.decoder = decoders.ByteLevel()
    marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"] if name == "roberta" else ["<|endoftext|>"]
    t.train_from_iterator(corpus[:6000], trainers.BpeTrainer(vocab_size=5000, special_tokens=marks, initial_alphabet=byte_alphabet, show_progress=False))
    if name == "roberta":
        t.post_processor = processors.RobertaProcessing(("</s>", t.token_to_id("</s>")), ("<s>", t.token_to_id("<s>")), trim_offsets=True, add_prefix_space=True)
        t.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    else:
        t.post_processor = processors.ByteLevel(trim_offsets=name == "gpt2", add_prefix_space=False)
    save(name, t)

t = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
t.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")  # to train faster; taken out below
t.train_from_iterator(corpus[:6000], trainers.BpeTrainer(vocab_size=4000, special_tokens=["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)], limit_alphabet=1000, show_progress=False))
plain = json.loads(t.to_str())
plain["pre_tokenizer"] = None
plain["added_tokens"] = [a for a in plain["added_tokens"] if not a["content"].startswith("<0x")]
t = Tokenizer.from_str(json.dumps(plain))
bert(t, "<s>", "</s>")
save("llama2", t)

t = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
t.pre_tokenizer = pre_tokenizers.Sequence([
    pre_tokenizers.Split(Regex(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True),
    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
t.decoder = decoders.ByteLevel()
t.train_from_iterator(corpus[:6000], trainers.BpeTrainer(vocab_size=5000, special_tokens=["<|startoftext|>", "<|endoftext|>"], initial_alphabet=byte_alphabet, end_of_word_suffix="</w>", show_progress=False))
save("clip", t)

t = Tokenizer(models.Unigram())
t.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
t.pre_tokenizer = pre_tokenizers.Metaspace()
t.decoder = decoders.Metaspace()
t.train_from_iterator(corpus[:4000], trainers.UnigramTrainer(vocab_size=4000, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False))
bert(t, "<s>", "</s>")
save("unigram", t)

t = Tokenizer(models.WordLevel({"[UNK]": 0, "the": 1, "好": 2, "酒店": 3}, "[UNK]"))
t.normalizer = normalizers.Sequence([normalizers.Strip(), normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()])
t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation("merged_with_previous"), pre_tokenizers.CharDelimiterSplit("e"), pre_tokenizers.Digits()])
t.add_tokens([AddedToken("Hotel", normalized=True, single_word=True), AddedToken("房间", rstrip=True)])
save("wordlevel", t)
for i, stage in enumerate([pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.Punctuation("merged_with_next"), pre_tokenizers.Punctuation("removed"), pre_tokenizers.Split(Regex(r"(?<=[a-z])\d+|\bthe\b|^.|.$"), "contiguous"), pre_tokenizers.FixedLength(3),
                            pre_tokenizers.Metaspace(prepend_scheme="first", split=True)]):
    t.pre_tokenizer = stage
    t.normalizer = normalizers.NFKD()
    save(f"stages{i}", t)


def charsmap(rules):
    """A SentencePiece map of characters: the double array of Darts-clone, and the replacements."""
    texts, places = b"", {}
    for new in rules.values():
        if new not in places:
            places[new] = len(texts)
            texts += new.encode() + b"\0"
    units, used = {0: 0}, {0}

    def build(at, keys, depth):
        leaf = any(len(k) == depth for k in keys)
        labels = sorted({k[depth] for k in keys if len(k) > depth})
        base = next(b for b in range(1, 1 << 20) if all(b ^ c not in used for c in labels + [0]))
        units[at] |= (at ^ base) << 10 | leaf << 8
        used.update([base] + [base ^ c for c in labels])
        if leaf:
            units[base] = places[rules[next(k for k in keys if len(k) == depth).decode()]] | 1 << 31
        for c in labels:
            units[base ^ c] = c
            build(base ^ c, [k for k in keys if len(k) > depth and k[depth] == c], depth + 1)

    build(0, [k.encode() for k in rules], 0)
    size = (max(used) + 256) // 256 * 256
    array = b"".join(units.get(i, 0).to_bytes(4, "little") for i in range(size))
    return len(array).to_bytes(4, "little") + array + texts


rules = {"ﬁ": "fi", "①": "1", "\u3000": " ", "\u00a0": " ", "e\u0301": "é", "\u0301": "", "\r": " ", "\n": " ", "\t": " ", "\u200b": " ", "Ａ": "A", "ｶﾞ": "ガ", "ｶ": "カ", "㍿": "株式会社", "\x00": "", "\x01": "", "が": "が", "。": ".", "！": "!"}
rules.pop("\x00")
t = Tokenizer(models.Unigram([("<unk>", 0.0), ("▁", -1.0), ("fi", -2.0), ("株式", -3.0), (".", -2.5), ("é", -4.0), ("好", -3.0)], 0))
t.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap(rules)), normalizers.Replace(Regex(" {2,}"), " ")])
t.pre_tokenizer = pre_tokenizers.Metaspace()
t.decoder = decoders.Metaspace()
save("precompiled", t)
